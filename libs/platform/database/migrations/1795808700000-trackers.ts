import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Jobs name experiment trackers, and servers of those are told of them. */
export class Trackers1795808700000 implements MigrationInterface {
  name = 'Trackers1795808700000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "job" ADD "integrations" jsonb`);
    await runner.query(
      `CREATE TABLE "tracker_run" (
        "job_id" text NOT NULL,
        "tracker" text NOT NULL,
        "remote_id" text,
        "position" integer NOT NULL DEFAULT '0',
        "tries" integer NOT NULL DEFAULT '0',
        "problem" text,
        "next_at" TIMESTAMP(3) WITH TIME ZONE,
        "leased_until" TIMESTAMP(3) WITH TIME ZONE,
        CONSTRAINT "tracker_run_pkey" PRIMARY KEY ("job_id", "tracker")
      )`,
    );
    await runner.query(`CREATE INDEX "tracker_run_next_at_idx" ON "tracker_run" ("next_at")`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE "tracker_run"');
    await runner.query('ALTER TABLE "job" DROP COLUMN "integrations"');
  }
}
