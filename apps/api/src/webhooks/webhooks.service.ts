import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { IsNull } from 'typeorm';
import type { z } from 'zod';
import type { Deleted, Page } from '#contracts/http/pages.js';
import type {
  WebhookObject,
  webhookListQuery,
  WebhookRequest,
  WebhookTest,
} from '#contracts/http/webhooks.js';
import { Webhook } from '#platform/database/entities/webhook.js';
import { WebhookDelivery } from '#platform/database/entities/webhook-delivery.js';
import { newId } from '#platform/ids.js';
import type { Platform } from '#platform/platform.js';
import { ApiError, notFound } from '../errors/api-error.js';
import { keysetPage } from '../http/keyset-page.js';
import { unixSeconds, unixSecondsOrNull } from '../http/unix-seconds.js';
import { PLATFORM } from '../tokens.js';
import { trialEvent, WebhookSender } from './webhook-sender.service.js';

const maxOfProject = 20;

/** Webhooks of projects: made, listed, tried, removed. */
@Injectable()
export class WebhooksService {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(WebhookSender) private readonly sender: WebhookSender,
  ) {}

  async create(projectId: string, { url, events }: WebhookRequest): Promise<WebhookObject> {
    const { manager } = this.platform.database;
    if ((await manager.countBy(Webhook, { projectId, deletedAt: IsNull() })) >= maxOfProject) {
      throw new ApiError(
        'invalid_request',
        `a project has at most ${maxOfProject} webhooks: remove one first`,
      );
    }
    const id = newId('webhook');
    const secret = `whsec_${randomBytes(32).toString('base64')}`;
    await manager.insert(Webhook, { id, projectId, url, events: [...new Set(events)], secret });
    return { ...view(await manager.findOneByOrFail(Webhook, { id }), 0), secret };
  }

  async list(projectId: string, query: z.output<typeof webhookListQuery>): Promise<Page<WebhookObject>> {
    const owned = this.owned(projectId);
    const pending = await this.pending(projectId);
    const rows = owned.clone().andWhere('row.deletedAt IS NULL');
    return keysetPage(rows, owned, query, (row) => view(row, pending.get(row.id) ?? 0));
  }

  async get(projectId: string, id: string): Promise<WebhookObject> {
    const row = await this.find(projectId, id);
    return view(row, (await this.pending(projectId)).get(id) ?? 0);
  }

  async delete(projectId: string, id: string): Promise<Deleted> {
    await this.find(projectId, id);
    await this.platform.database.transaction(async (manager) => {
      await manager.delete(WebhookDelivery, { webhookId: id });
      // The secret goes at once.
      await manager.update(Webhook, { id }, { deletedAt: () => 'now()', secret: '' });
    });
    return { id, object: 'webhook', deleted: true };
  }

  async test(projectId: string, id: string): Promise<WebhookTest> {
    const webhook = await this.find(projectId, id);
    const error = await this.sender.send(webhook, trialEvent(webhook.events[0]!));
    return { id, object: 'webhook.test', delivered: error === null, error };
  }

  /** Those that were deleted too. */
  private owned(projectId: string) {
    return this.platform.database.manager
      .createQueryBuilder(Webhook, 'row')
      .where('row.projectId = :projectId', { projectId });
  }

  private async find(projectId: string, id: string): Promise<Webhook> {
    const row = await this.owned(projectId)
      .andWhere('row.id = :id AND row.deletedAt IS NULL', { id })
      .getOne();
    if (!row) throw notFound('webhook', id);
    return row;
  }

  private async pending(projectId: string): Promise<Map<string, number>> {
    const rows = await this.platform.database.query<{ id: string; count: number }[]>(
      `SELECT webhook.id, count(*)::int AS count FROM webhook
       JOIN webhook_delivery ON webhook_delivery.webhook_id = webhook.id WHERE webhook.project_id = $1 GROUP BY webhook.id`,
      [projectId],
    );
    return new Map(rows.map(({ id, count }) => [id, count]));
  }
}

function view(
  { id, url, events, createdAt, deliveredAt, lastError }: Webhook,
  pending: number,
): WebhookObject {
  return {
    id,
    object: 'webhook',
    created_at: unixSeconds(createdAt),
    url,
    events,
    secret: null,
    delivered_at: unixSecondsOrNull(deliveredAt),
    last_error: lastError,
    pending,
  };
}
