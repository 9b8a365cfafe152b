import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Keys have roles; those that exist open a project and administer nothing. */
export class KeyRoles1795804000000 implements MigrationInterface {
  name = 'KeyRoles1795804000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "api_key" ADD "role" text NOT NULL DEFAULT 'project'`);
    await runner.query(
      `ALTER TABLE "api_key" ADD CONSTRAINT "api_key_78f600ea_check" CHECK ("role" IN ('admin', 'project'))`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE "api_key" DROP COLUMN "role"');
  }
}
