import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Jobs say what their files are, and which rows validate. */
export class JobData1795808400000 implements MigrationInterface {
  name = 'JobData1795808400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "job" ADD "data" jsonb`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "job" DROP COLUMN "data"`);
  }
}
