import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Jobs that were deleted keep their places in lists for a while. */
export class DeletedJobs1795808900000 implements MigrationInterface {
  name = 'DeletedJobs1795808900000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "job" ADD "deleted_at" TIMESTAMP(3) WITH TIME ZONE`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM "job" WHERE "deleted_at" IS NOT NULL`);
    await runner.query(`ALTER TABLE "job" DROP COLUMN "deleted_at"`);
  }
}
