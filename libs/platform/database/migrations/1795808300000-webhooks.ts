import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Addresses that are told when jobs end, and what they are still to be told. */
export class Webhooks1795808300000 implements MigrationInterface {
  name = 'Webhooks1795808300000';

  async up(runner: QueryRunner): Promise<void> {
    const timestamp = 'TIMESTAMP(3) WITH TIME ZONE';
    await runner.query(
      `CREATE TABLE "webhook" (
        "id" text NOT NULL,
        "project_id" text NOT NULL,
        "url" text NOT NULL,
        "events" jsonb NOT NULL,
        "secret" text NOT NULL,
        "created_at" ${timestamp} NOT NULL DEFAULT now(),
        "delivered_at" ${timestamp},
        "last_error" text,
        CONSTRAINT "webhook_pkey" PRIMARY KEY ("id")
      )`,
    );
    await runner.query(
      `CREATE INDEX "webhook_project_id_created_at_id_idx" ON "webhook" ("project_id", "created_at", "id")`,
    );
    await runner.query(
      `CREATE TABLE "webhook_delivery" (
        "id" text NOT NULL,
        "webhook_id" text NOT NULL,
        "type" text NOT NULL,
        "data" jsonb NOT NULL,
        "created_at" ${timestamp} NOT NULL DEFAULT now(),
        "tries" integer NOT NULL DEFAULT '0',
        "next_at" ${timestamp} NOT NULL DEFAULT now(),
        CONSTRAINT "webhook_delivery_pkey" PRIMARY KEY ("id")
      )`,
    );
    await runner.query(`CREATE INDEX "webhook_delivery_next_at_idx" ON "webhook_delivery" ("next_at")`);
    await runner.query(`CREATE INDEX "webhook_delivery_webhook_id_idx" ON "webhook_delivery" ("webhook_id")`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE "webhook_delivery"');
    await runner.query('DROP TABLE "webhook"');
  }
}
