import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Base models can be fetched from a hub. */
export class HubRegistrations1795808200000 implements MigrationInterface {
  name = 'HubRegistrations1795808200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "registration" ADD "hub" jsonb`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "registration" DROP COLUMN "hub"`);
  }
}
