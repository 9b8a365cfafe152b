import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a job asked for and what it means, kept from the day when it is made; older jobs are explained when they are read. */
export class ResolvedOptions1795803000000 implements MigrationInterface {
  name = 'ResolvedOptions1795803000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE "job" ADD "requested" jsonb');
    await runner.query('ALTER TABLE "job" ADD "resolved" jsonb');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE "job" DROP COLUMN "resolved"');
    await runner.query('ALTER TABLE "job" DROP COLUMN "requested"');
  }
}
