import { createHmac } from 'node:crypto';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { type DataSource, IsNull } from 'typeorm';
import { Webhook } from '#platform/database/entities/webhook.js';
import { WebhookDelivery } from '#platform/database/entities/webhook-delivery.js';
import { newId } from '#platform/ids.js';
import type { Platform } from '#platform/platform.js';
import { programVersion } from '#platform/program.js';
import { postPublic } from '#platform/public-request.js';
import { unixSeconds } from '../http/unix-seconds.js';
import { PLATFORM } from '../tokens.js';

/** Seconds between tries: three days in all, as OpenAI keeps trying. */
const delays = [5, 60, 300, 1800, 7200, 18_000, 36_000, 50_400, 64_800, 86_400];
/** At a time. */
const batchSize = 10;
const answerMs = 10_000;
/** After it another process may send what this one did not. */
const leaseSeconds = 60;

/** An event as it is sent. */
export interface SentEvent {
  readonly id: string;
  readonly type: string;
  readonly createdAt: Date;
  readonly data: Record<string, unknown>;
}

/** Carries events from the database to the webhooks that want them, again and again until they are taken. */
@Injectable()
export class WebhookSender implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly database: DataSource;
  private readonly stopping = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;

  constructor(@Inject(PLATFORM) private readonly platform: Platform) {
    this.database = platform.database;
  }

  onApplicationBootstrap(): void {
    this.schedule();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    clearTimeout(this.timer);
    await this.running;
  }

  /** Sends one event now; yields what went wrong, or null. Never throws. */
  async send({ url, secret }: Pick<Webhook, 'url' | 'secret'>, event: SentEvent): Promise<string | null> {
    const { id, type, createdAt, data } = event;
    const body = JSON.stringify({ id, object: 'event', created_at: unixSeconds(createdAt), type, data });
    const timestamp = String(unixSeconds(new Date()));
    const headers = {
      'content-type': 'application/json',
      'user-agent': `lowrank/${programVersion}`,
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': signatureOf(secret, `${id}.${timestamp}.${body}`),
    };
    try {
      const status = await postPublic(new URL(url), {
        body,
        headers,
        milliseconds: answerMs,
        allowPrivate: this.platform.configuration.webhookPrivateAddresses,
        signal: this.stopping.signal,
      });
      return status >= 200 && status < 300 ? null : `it answered ${status}`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  private schedule(): void {
    if (this.stopping.signal.aborted) return;
    this.timer = setTimeout(() => {
      this.running = this.round()
        .catch((err: unknown) => this.platform.log.warn({ err }, 'webhooks cannot be told yet'))
        .finally(() => this.schedule());
    }, 1000);
  }

  private async round(): Promise<void> {
    // Marked as tried first: a process that dies meanwhile has used up a try, and nobody sends it at the same time.
    const [claimed] = await this.database.query<[{ id: string }[], number]>(
      `UPDATE webhook_delivery SET tries = tries + 1, next_at = now() + make_interval(secs => $2) WHERE id = ANY (ARRAY
         (SELECT id FROM webhook_delivery WHERE next_at <= now() ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED))
       RETURNING id`,
      [batchSize, leaseSeconds],
    );
    await Promise.all(claimed.map(({ id }) => this.deliver(id)));
  }

  private async deliver(id: string): Promise<void> {
    const { manager } = this.database;
    const delivery = await manager.findOneBy(WebhookDelivery, { id });
    const webhook =
      delivery && (await manager.findOneBy(Webhook, { id: delivery.webhookId, deletedAt: IsNull() }));
    if (!delivery || !webhook) {
      await manager.delete(WebhookDelivery, { id });
      return;
    }
    const problem = await this.send(webhook, delivery);
    if (problem !== null && this.stopping.signal.aborted) return;
    const { log } = this.platform;
    if (problem === null) {
      await manager.delete(WebhookDelivery, { id });
      await manager.update(Webhook, { id: webhook.id }, { deliveredAt: () => 'now()', lastError: null });
      return;
    }
    await manager.update(Webhook, { id: webhook.id }, { lastError: problem.slice(0, 500) });
    const seconds = delays[delivery.tries - 1];
    if (seconds === undefined) await manager.delete(WebhookDelivery, { id });
    else
      await manager.update(
        WebhookDelivery,
        { id },
        { nextAt: () => `now() + make_interval(secs => ${seconds})` },
      );
    const then = seconds === undefined ? 'was given up' : `is told again in ${seconds} s`;
    log.warn({ webhook: webhook.id, event: id, problem }, `a webhook did not take an event, which ${then}`);
  }
}

/** As Standard Webhooks has it. */
function signatureOf(secret: string, text: string): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  return `v1,${createHmac('sha256', key).update(text).digest('base64')}`;
}

/** An event about nothing, to try a webhook with. */
export function trialEvent(type: string): SentEvent {
  return { id: newId('evt'), type, createdAt: new Date(), data: { id: 'ftjob-test' } };
}
