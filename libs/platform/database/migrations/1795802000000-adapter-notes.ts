import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was noticed when an adapter was imported. */
export class AdapterNotes1795802000000 implements MigrationInterface {
  name = 'AdapterNotes1795802000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "adapter" ADD "notes" jsonb`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "adapter" DROP COLUMN "notes"`);
  }
}
