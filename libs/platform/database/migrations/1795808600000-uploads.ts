import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Files that come in parts. */
export class Uploads1795808600000 implements MigrationInterface {
  name = 'Uploads1795808600000';

  async up(runner: QueryRunner): Promise<void> {
    const timestamp = 'TIMESTAMP(3) WITH TIME ZONE';
    await runner.query(
      `CREATE TABLE "upload" (
        "id" text NOT NULL,
        "project_id" text NOT NULL,
        "filename" text NOT NULL,
        "bytes" bigint NOT NULL,
        "form" jsonb,
        "kept_seconds" integer,
        "state" text NOT NULL DEFAULT 'pending',
        "part_ids" jsonb,
        "file_id" text,
        "created_at" ${timestamp} NOT NULL DEFAULT now(),
        "expires_at" ${timestamp} NOT NULL,
        CONSTRAINT "upload_pkey" PRIMARY KEY ("id")
      )`,
    );
    await runner.query(`CREATE INDEX "upload_expires_at_idx" ON "upload" ("expires_at")`);
    await runner.query(
      `CREATE TABLE "upload_part" (
        "id" text NOT NULL,
        "upload_id" text NOT NULL,
        "bytes" bigint NOT NULL,
        "sha256" text NOT NULL,
        "object_key" text NOT NULL,
        "created_at" ${timestamp} NOT NULL DEFAULT now(),
        CONSTRAINT "upload_part_pkey" PRIMARY KEY ("id")
      )`,
    );
    await runner.query(`CREATE INDEX "upload_part_upload_id_idx" ON "upload_part" ("upload_id")`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE "upload_part"');
    await runner.query('DROP TABLE "upload"');
  }
}
