/** Short messages between processes through Postgres: wake-ups, never the truth. */
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import type { EntityManager } from 'typeorm';
import type { Log } from '#platform/log.js';

export const channels = ['lowrank_job', 'lowrank_control', 'lowrank_task', 'lowrank_work'] as const;
/** `lowrank_job`: something of a job changed. `lowrank_control`: somebody wants a job stopped. `lowrank_task`: a task
 * was made or is to end. `lowrank_work`: a job waits that another worker than the one that was asked could run. */
export type Channel = (typeof channels)[number];

/** Gets the payload, an id of a job or task; null after an outage that may have lost some: look at everything again. */
export type NotificationHandler = (payload: string | null) => void;

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5000;
/** How often a silent connection is asked whether it lives: a network that drops packets tells nobody. */
const PROBE_MS = 15_000;
const PROBE_TIMEOUT_MS = 5000;

/** One connection that listens, for all of a process; it is made anew whenever it breaks. */
export class Notifications {
  private readonly handlers = new Map<Channel, Set<NotificationHandler>>();
  private readonly closing = new AbortController();
  private readonly supervised: Promise<void>;
  private connected = false;

  constructor(
    private readonly url: string,
    private readonly name: string,
    private readonly log: Log,
  ) {
    this.supervised = this.supervise();
  }

  /** Sends a message when the manager's transaction commits; at once if it has none. */
  async notify(manager: EntityManager, channel: Channel, payload: string): Promise<void> {
    await manager.query('SELECT pg_notify($1, $2)', [channel, payload]);
  }

  /** Calls a handler for every message until the returned function is called. */
  listen(channel: Channel, handler: NotificationHandler): () => void {
    // Every call has its own entry, also of one handler twice.
    const entry: NotificationHandler = (payload) => handler(payload);
    const handlers = this.handlers.get(channel) ?? new Set();
    handlers.add(entry);
    this.handlers.set(channel, handlers);
    return () => void handlers.delete(entry);
  }

  /** Whether messages arrive at the moment. */
  get isConnected(): boolean {
    return this.connected;
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.supervised;
  }

  private async supervise(): Promise<void> {
    const { signal } = this.closing;
    for (let pause = FIRST_RETRY_MS; !signal.aborted; pause = Math.min(2 * pause, LAST_RETRY_MS)) {
      try {
        await this.stay(() => (pause = FIRST_RETRY_MS));
      } catch (err) {
        this.log.debug({ err }, 'the connection for notifications broke');
      }
      this.connected = false;
      await delay(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Connects and listens until the connection breaks or `close` is called. */
  private async stay(onConnected: () => void): Promise<void> {
    const client = new Client({
      connectionString: this.url,
      application_name: `${this.name} notifications`,
      connectionTimeoutMillis: PROBE_TIMEOUT_MS,
      query_timeout: PROBE_TIMEOUT_MS,
      keepAlive: true,
    });
    const broken = new Promise<never>((_, reject) => {
      client.on('error', reject);
      client.on('end', () => reject(new Error('the server closed the connection')));
    });
    broken.catch(() => undefined);
    client.on('notification', ({ channel, payload }) => this.dispatch(channel as Channel, payload ?? null));
    try {
      await client.connect();
      for (const channel of channels) await client.query(`LISTEN ${channel}`);
      onConnected();
      this.connected = true;
      // What was sent before this moment is lost.
      for (const channel of channels) this.dispatch(channel, null);
      while (!this.closing.signal.aborted) {
        await Promise.race([
          broken,
          delay(PROBE_MS, undefined, { signal: this.closing.signal, ref: false }).catch(() => undefined),
        ]);
        if (!this.closing.signal.aborted) await client.query('SELECT 1');
      }
    } finally {
      await Promise.race([client.end().catch(() => undefined), delay(1000, undefined, { ref: false })]);
    }
  }

  private dispatch(channel: Channel, payload: string | null): void {
    for (const handler of this.handlers.get(channel) ?? []) {
      try {
        handler(payload);
      } catch (err) {
        this.log.error({ err, channel }, 'a handler of notifications failed');
      }
    }
  }
}
