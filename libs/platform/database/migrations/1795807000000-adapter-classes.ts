import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Adapters that tell classes apart bring the names of these. */
export class AdapterClasses1795807000000 implements MigrationInterface {
  name = 'AdapterClasses1795807000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "adapter" ADD "classes" jsonb`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "adapter" DROP COLUMN "classes"`);
  }
}
