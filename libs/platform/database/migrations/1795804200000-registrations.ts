import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Registrations of base models outlive the process that runs them. */
export class Registrations1795804200000 implements MigrationInterface {
  name = 'Registrations1795804200000';

  async up(runner: QueryRunner): Promise<void> {
    const timestamp = 'TIMESTAMP(3) WITH TIME ZONE';
    await runner.query(
      `CREATE TABLE "registration" (
        "id" text NOT NULL,
        "folder" text NOT NULL,
        "name" text,
        "replace" boolean NOT NULL,
        "status" text NOT NULL DEFAULT 'running',
        "runner" text NOT NULL,
        "touched_at" ${timestamp} NOT NULL DEFAULT now(),
        "done_bytes" bigint NOT NULL DEFAULT '0',
        "total_bytes" bigint NOT NULL DEFAULT '0',
        "model" jsonb,
        "error" jsonb,
        "created_at" ${timestamp} NOT NULL DEFAULT now(),
        CONSTRAINT "registration_256d8ebf_check" CHECK ("status" IN ('running', 'done', 'failed')),
        CONSTRAINT "registration_pkey" PRIMARY KEY ("id")
      )`,
    );
    await runner.query(
      `CREATE INDEX "registration_touched_at_idx" ON "registration" ("touched_at") WHERE status = 'running'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE "registration"');
  }
}
