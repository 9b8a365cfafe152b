import type { MigrationInterface, QueryRunner } from 'typeorm';

const unique = '"checkpoint_permission_model_id_project_id_idx"';

/** Webhooks and permissions that were deleted keep their places in lists for a while. */
export class DeletedRows1795808500000 implements MigrationInterface {
  name = 'DeletedRows1795808500000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "webhook" ADD "deleted_at" TIMESTAMP(3) WITH TIME ZONE`);
    await runner.query(`ALTER TABLE "checkpoint_permission" ADD "deleted_at" TIMESTAMP(3) WITH TIME ZONE`);
    await runner.query(`DROP INDEX ${unique}`);
    await runner.query(
      `CREATE UNIQUE INDEX ${unique} ON "checkpoint_permission" ("model_id", "project_id") WHERE deleted_at IS NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM "checkpoint_permission" WHERE "deleted_at" IS NOT NULL`);
    await runner.query(`DROP INDEX ${unique}`);
    await runner.query(`CREATE UNIQUE INDEX ${unique} ON "checkpoint_permission" ("model_id", "project_id")`);
    await runner.query(`ALTER TABLE "checkpoint_permission" DROP COLUMN "deleted_at"`);
    await runner.query(`DELETE FROM "webhook" WHERE "deleted_at" IS NOT NULL`);
    await runner.query(`ALTER TABLE "webhook" DROP COLUMN "deleted_at"`);
  }
}
