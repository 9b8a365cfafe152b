import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Projects may let others use their models. */
export class CheckpointPermissions1795808100000 implements MigrationInterface {
  name = 'CheckpointPermissions1795808100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE "checkpoint_permission" (
      "id" text NOT NULL,
      "model_id" text NOT NULL,
      "project_id" text NOT NULL,
      "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(),
      CONSTRAINT "checkpoint_permission_pkey" PRIMARY KEY ("id"))`);
    await runner.query(
      `CREATE UNIQUE INDEX "checkpoint_permission_model_id_project_id_idx" ON "checkpoint_permission" ("model_id", "project_id")`,
    );
    await runner.query(
      `CREATE INDEX "checkpoint_permission_project_id_idx" ON "checkpoint_permission" ("project_id")`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "checkpoint_permission"`);
  }
}
