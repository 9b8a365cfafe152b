import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Jobs and tasks that wait say why; workers say what they cannot do. */
export class WaitingReasons1795800300000 implements MigrationInterface {
  name = 'WaitingReasons1795800300000';

  async up(runner: QueryRunner): Promise<void> {
    const timestamp = 'TIMESTAMP(3) WITH TIME ZONE';
    await runner.query(`ALTER TABLE "job" ADD "waiting" jsonb, ADD "try_after" ${timestamp}`);
    await runner.query(
      `ALTER TABLE "task" ADD "waits" integer NOT NULL DEFAULT '0', ADD "waiting" jsonb, ADD "try_after" ${timestamp}`,
    );
    await runner.query(
      `ALTER TABLE "worker" ADD "unusable_devices" jsonb NOT NULL DEFAULT '[]', ADD "trouble" jsonb`,
    );
    await runner.query(
      `CREATE INDEX "job_queued_at_id_idx" ON "job" ("queued_at", "id") WHERE state = 'queued'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX "public"."job_queued_at_id_idx"`);
    await runner.query(`ALTER TABLE "worker" DROP COLUMN "trouble", DROP COLUMN "unusable_devices"`);
    await runner.query(
      `ALTER TABLE "task" DROP COLUMN "try_after", DROP COLUMN "waiting", DROP COLUMN "waits"`,
    );
    await runner.query(`ALTER TABLE "job" DROP COLUMN "try_after", DROP COLUMN "waiting"`);
  }
}
