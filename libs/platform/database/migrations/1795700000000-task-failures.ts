import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How often a task failed, apart from how often it was begun. */
export class TaskFailures1795700000000 implements MigrationInterface {
  name = 'TaskFailures1795700000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "task" ADD "failures" integer NOT NULL DEFAULT '0'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "task" DROP COLUMN "failures"`);
  }
}
