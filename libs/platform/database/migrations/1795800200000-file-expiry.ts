import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Files that are kept for a time only. */
export class FileExpiry1795800200000 implements MigrationInterface {
  name = 'FileExpiry1795800200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "stored_file" ADD "expires_at" TIMESTAMP(3) WITH TIME ZONE`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "stored_file" DROP COLUMN "expires_at"`);
  }
}
