/** Addresses that are told when jobs end. */
import { type Deleted, deleted } from '#contracts/http/pages.js';
import {
  type WebhookCreate,
  type WebhookObject,
  webhookObject,
  webhookPage,
  type WebhookTest,
  webhookTest,
} from '#contracts/http/webhooks.js';
import type { Connection } from './connection.js';
import { eachOf } from './pages.js';

const webhooksPath = '/v1/webhooks';

export class WebhooksClient {
  constructor(private readonly connection: Connection) {}

  /** Makes one; its secret is told in this answer only. */
  async create(body: WebhookCreate): Promise<WebhookObject> {
    return this.connection.json('POST', webhooksPath, webhookObject, { json: body });
  }

  /** Newest first. */
  list(): AsyncGenerator<WebhookObject> {
    return eachOf(this.connection, webhooksPath, webhookPage, {});
  }

  /** Sends it an event, and tells what became of that. */
  async test(id: string): Promise<WebhookTest> {
    return this.connection.json('POST', `${pathOf(id)}/test`, webhookTest);
  }

  async remove(id: string): Promise<Deleted> {
    return this.connection.json('DELETE', pathOf(id), deleted);
  }
}

const pathOf = (id: string) => `${webhooksPath}/${encodeURIComponent(id)}`;
