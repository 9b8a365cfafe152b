import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A base model that is replaced or removed stays for the jobs and adapters that were made with it. */
export class BaseModelVersions1795804100000 implements MigrationInterface {
  name = 'BaseModelVersions1795804100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE "base_model" ADD "replaced_at" TIMESTAMP(3) WITH TIME ZONE');
    await runner.query('ALTER TABLE "base_model" DROP CONSTRAINT "base_model_pkey"');
    await runner.query(
      'ALTER TABLE "base_model" ADD CONSTRAINT "base_model_pkey" PRIMARY KEY ("name", "identity")',
    );
    await runner.query(
      'CREATE UNIQUE INDEX "base_model_name_idx" ON "base_model" ("name") WHERE replaced_at IS NULL',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DELETE FROM "base_model" WHERE replaced_at IS NOT NULL');
    await runner.query('DROP INDEX "public"."base_model_name_idx"');
    await runner.query('ALTER TABLE "base_model" DROP CONSTRAINT "base_model_pkey"');
    await runner.query('ALTER TABLE "base_model" ADD CONSTRAINT "base_model_pkey" PRIMARY KEY ("name")');
    await runner.query('ALTER TABLE "base_model" DROP COLUMN "replaced_at"');
  }
}
