import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Base models answer in a precision that they are registered with. */
export class ModelPrecision1795809100000 implements MigrationInterface {
  name = 'ModelPrecision1795809100000';

  async up(runner: QueryRunner): Promise<void> {
    for (const table of ['base_model', 'registration'])
      await runner.query(`ALTER TABLE "${table}" ADD "precision" TEXT NOT NULL DEFAULT 'as-stored'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['base_model', 'registration'])
      await runner.query(`ALTER TABLE "${table}" DROP COLUMN "precision"`);
  }
}
