import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Jobs leave a file with the metrics of their steps, whose bytes lie in its row. */
export class ResultFiles1795808000000 implements MigrationInterface {
  name = 'ResultFiles1795808000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "job" ADD "result_file_id" text`);
    await runner.query(`ALTER TABLE "stored_file" ADD "content" bytea`);
    await runner.query(`ALTER TABLE "stored_file" ALTER COLUMN "object_key" DROP NOT NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM "stored_file" WHERE "object_key" IS NULL`);
    await runner.query(`ALTER TABLE "stored_file" ALTER COLUMN "object_key" SET NOT NULL`);
    await runner.query(`ALTER TABLE "stored_file" DROP COLUMN "content"`);
    await runner.query(`ALTER TABLE "job" DROP COLUMN "result_file_id"`);
  }
}
