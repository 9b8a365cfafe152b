import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Rows of deleted files outlive their bytes. */
export class DeletedContent1795800100000 implements MigrationInterface {
  name = 'DeletedContent1795800100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "stored_file" ADD "content_deleted_at" TIMESTAMP(3) WITH TIME ZONE`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "stored_file" DROP COLUMN "content_deleted_at"`);
  }
}
