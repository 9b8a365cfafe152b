import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Kinds of tasks are a list of the program's, and the process of a task has one name. */
export class TaskKinds1795806000000 implements MigrationInterface {
  name = 'TaskKinds1795806000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "task" DROP CONSTRAINT "task_28faa8ba_check"`);
    await renameCode(runner, 'bake_died', 'task_died');
  }

  async down(runner: QueryRunner): Promise<void> {
    await renameCode(runner, 'task_died', 'bake_died');
    await runner.query(
      `ALTER TABLE "task" ADD CONSTRAINT "task_28faa8ba_check" CHECK ("kind" IN ('composition', 'export'))`,
    );
  }
}

async function renameCode(runner: QueryRunner, from: string, to: string): Promise<void> {
  for (const column of ['error', 'waiting']) {
    await runner.query(
      `UPDATE "task" SET "${column}" = jsonb_set("${column}", '{code}', to_jsonb($2::text)) WHERE "${column}"->>'code' = $1`,
      [from, to],
    );
  }
}
