import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Workers tell how they do with every sign of life. */
export class WorkerFigures1795805000000 implements MigrationInterface {
  name = 'WorkerFigures1795805000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "worker" ADD "figures" jsonb`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "worker" DROP COLUMN "figures"`);
  }
}
