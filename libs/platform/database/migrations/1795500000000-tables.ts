import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The first tables, and the project of servers without keys. */
export class Tables1795500000000 implements MigrationInterface {
  name = 'Tables1795500000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE "adapter" (
        "id" text NOT NULL,
        "project_id" text NOT NULL,
        "name" text NOT NULL,
        "job_id" text,
        "model" text NOT NULL,
        "base_identity" text,
        "config" jsonb NOT NULL,
        "files" jsonb NOT NULL,
        "bytes" bigint NOT NULL,
        "sha256" text NOT NULL,
        "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(),
        "deleted_at" TIMESTAMP(3) WITH TIME ZONE,
        CONSTRAINT "adapter_pkey" PRIMARY KEY ("id")
      )
    `);
    await runner.query(`CREATE UNIQUE INDEX "adapter_name_idx" ON "adapter" ("name")`);
    await runner.query(
      `CREATE INDEX "adapter_project_id_created_at_id_idx" ON "adapter" ("project_id", "created_at", "id")`,
    );
    await runner.query(`
      CREATE TABLE "api_key" (
        "id" text NOT NULL,
        "project_id" text NOT NULL,
        "name" text NOT NULL,
        "digest" text NOT NULL,
        "prefix" text NOT NULL,
        "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(),
        "revoked_at" TIMESTAMP(3) WITH TIME ZONE,
        CONSTRAINT "api_key_pkey" PRIMARY KEY ("id")
      )
    `);
    await runner.query(`CREATE UNIQUE INDEX "api_key_digest_idx" ON "api_key" ("digest")`);
    await runner.query(`
      CREATE TABLE "attempt" (
        "job_id" text NOT NULL,
        "attempt" integer NOT NULL,
        "worker_id" text NOT NULL,
        "device" text NOT NULL,
        "started_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(),
        "ended_at" TIMESTAMP(3) WITH TIME ZONE,
        "end" text,
        "error" jsonb,
        CONSTRAINT "attempt_8f76d150_check" CHECK ("end" IN ('succeeded', 'failed', 'cancelled', 'paused', 'handed_over', 'lost')),
        CONSTRAINT "attempt_pkey" PRIMARY KEY ("job_id", "attempt")
      )
    `);
    await runner.query(`
      CREATE TABLE "base_model" (
        "name" text NOT NULL,
        "folder" text NOT NULL,
        "identity" text NOT NULL,
        "architecture" text NOT NULL,
        "parameters" bigint NOT NULL,
        "bundled" boolean NOT NULL DEFAULT false,
        "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(),
        CONSTRAINT "base_model_pkey" PRIMARY KEY ("name")
      )
    `);
    await runner.query(`
      CREATE TABLE "checkpoint" (
        "id" text NOT NULL,
        "job_id" text NOT NULL,
        "step" integer NOT NULL,
        "attempt" integer NOT NULL,
        "best" boolean NOT NULL DEFAULT false,
        "files" jsonb NOT NULL,
        "metrics" jsonb NOT NULL,
        "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(),
        CONSTRAINT "checkpoint_pkey" PRIMARY KEY ("id")
      )
    `);
    await runner.query(`CREATE INDEX "checkpoint_job_id_step_idx" ON "checkpoint" ("job_id", "step")`);
    await runner.query(`
      CREATE TABLE "idempotency_key" (
        "project_id" text NOT NULL,
        "key" text NOT NULL,
        "request_digest" text NOT NULL,
        "status" integer NOT NULL,
        "body" jsonb NOT NULL,
        "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(),
        CONSTRAINT "idempotency_key_pkey" PRIMARY KEY ("project_id", "key")
      )
    `);
    await runner.query(`
      CREATE TABLE "job_event" (
        "job_id" text NOT NULL,
        "seq" integer NOT NULL,
        "level" text NOT NULL,
        "code" text NOT NULL,
        "message" text NOT NULL,
        "data" jsonb,
        "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(),
        CONSTRAINT "job_event_40350b4a_check" CHECK ("level" IN ('info', 'warn', 'error')),
        CONSTRAINT "job_event_pkey" PRIMARY KEY ("job_id", "seq")
      )
    `);
    await runner.query(`
      CREATE TABLE "job" (
        "id" text NOT NULL,
        "project_id" text NOT NULL,
        "state" text NOT NULL,
        "model" text NOT NULL,
        "base_identity" text NOT NULL,
        "training_file_id" text NOT NULL,
        "validation_file_id" text,
        "init_adapter_id" text,
        "lora" jsonb,
        "training" jsonb NOT NULL,
        "device" text NOT NULL DEFAULT 'auto',
        "suffix" text,
        "metadata" jsonb,
        "seed" bigint NOT NULL,
        "choices" jsonb,
        "plan" jsonb,
        "step" integer NOT NULL DEFAULT '0',
        "total_steps" integer,
        "tokens_per_second" double precision,
        "attempt" integer NOT NULL DEFAULT '0',
        "own_failures" integer NOT NULL DEFAULT '0',
        "worker_id" text,
        "heartbeat_at" TIMESTAMP(3) WITH TIME ZONE,
        "cancel_requested_at" TIMESTAMP(3) WITH TIME ZONE,
        "pause_requested_at" TIMESTAMP(3) WITH TIME ZONE,
        "event_count" integer NOT NULL DEFAULT '0',
        "trained_tokens" bigint,
        "adapter_id" text,
        "error" jsonb,
        "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(),
        "queued_at" TIMESTAMP(3) WITH TIME ZONE,
        "started_at" TIMESTAMP(3) WITH TIME ZONE,
        "finished_at" TIMESTAMP(3) WITH TIME ZONE,
        CONSTRAINT "job_9b55dbcb_check" CHECK ("state" IN ('validating_files', 'queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled')),
        CONSTRAINT "job_pkey" PRIMARY KEY ("id")
      )
    `);
    await runner.query(`CREATE INDEX "job_state_heartbeat_at_idx" ON "job" ("state", "heartbeat_at")`);
    await runner.query(
      `CREATE INDEX "job_project_id_created_at_id_idx" ON "job" ("project_id", "created_at", "id")`,
    );
    await runner.query(`
      CREATE TABLE "metric" (
        "job_id" text NOT NULL,
        "step" integer NOT NULL,
        "kind" text NOT NULL,
        "seq" integer NOT NULL,
        "values" jsonb NOT NULL,
        "attempt" integer NOT NULL,
        "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(),
        CONSTRAINT "metric_3c1d8e21_check" CHECK ("kind" IN ('step', 'evaluation', 'samples')),
        CONSTRAINT "metric_pkey" PRIMARY KEY ("job_id", "step", "kind")
      )
    `);
    await runner.query(`CREATE UNIQUE INDEX "metric_job_id_seq_idx" ON "metric" ("job_id", "seq")`);
    await runner.query(`
      CREATE TABLE "outbox" (
        "id" bigint GENERATED BY DEFAULT AS IDENTITY NOT NULL,
        "job_id" text NOT NULL,
        "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(),
        CONSTRAINT "outbox_pkey" PRIMARY KEY ("id")
      )
    `);
    await runner.query(`
      CREATE TABLE "project" (
        "id" text NOT NULL,
        "name" text NOT NULL,
        "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(),
        CONSTRAINT "project_pkey" PRIMARY KEY ("id")
      )
    `);
    await runner.query(`
      CREATE TABLE "stored_file" (
        "id" text NOT NULL,
        "project_id" text NOT NULL,
        "filename" text NOT NULL,
        "purpose" text NOT NULL,
        "bytes" bigint NOT NULL,
        "sha256" text NOT NULL,
        "object_key" text NOT NULL,
        "report" jsonb,
        "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(),
        "deleted_at" TIMESTAMP(3) WITH TIME ZONE,
        CONSTRAINT "stored_file_pkey" PRIMARY KEY ("id")
      )
    `);
    await runner.query(
      `CREATE INDEX "stored_file_project_id_created_at_id_idx" ON "stored_file" ("project_id", "created_at", "id")`,
    );
    await runner.query(`
      CREATE TABLE "worker" (
        "id" text NOT NULL,
        "host" text NOT NULL,
        "pid" integer NOT NULL,
        "version" text NOT NULL,
        "devices" jsonb NOT NULL,
        "started_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(),
        "heartbeat_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(),
        "stopped_at" TIMESTAMP(3) WITH TIME ZONE,
        CONSTRAINT "worker_pkey" PRIMARY KEY ("id")
      )
    `);
    await runner.query(`INSERT INTO "project" ("id", "name") VALUES ('default', 'default')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "worker"`);
    await runner.query(`DROP TABLE "stored_file"`);
    await runner.query(`DROP TABLE "project"`);
    await runner.query(`DROP TABLE "outbox"`);
    await runner.query(`DROP TABLE "metric"`);
    await runner.query(`DROP TABLE "job"`);
    await runner.query(`DROP TABLE "job_event"`);
    await runner.query(`DROP TABLE "idempotency_key"`);
    await runner.query(`DROP TABLE "checkpoint"`);
    await runner.query(`DROP TABLE "base_model"`);
    await runner.query(`DROP TABLE "attempt"`);
    await runner.query(`DROP TABLE "api_key"`);
    await runner.query(`DROP TABLE "adapter"`);
  }
}
