/** What every implementation of JobQueue must do. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '#platform/ids.js';
import type { Consumer, DeliveryHandler, JobQueue } from '#platform/queue/job-queue.js';
import { eventually, Gate } from './waiting.js';

/** A queue's backend, which the suite opens several times, as several processes would. */
export interface QueueBackend {
  open(): Promise<JobQueue>;
  /** Stops the backend, does something, and starts it again with what it held. */
  restart(between: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export function describeJobQueue(title: string, start: () => Promise<QueueBackend>): void {
  describe(`the queue in ${title}`, () => {
    let backend: QueueBackend;
    let queue: JobQueue;
    let other: JobQueue;
    const consumers: Consumer[] = [];

    beforeAll(async () => {
      backend = await start();
      queue = await backend.open();
      other = await backend.open();
    }, 60_000);
    afterEach(async () => {
      await Promise.all(consumers.splice(0).map((consumer) => consumer.close({ abort: true })));
      for (const id of await queue.waiting(1000)) await queue.remove(id);
    });
    afterAll(async () => {
      await Promise.all([queue?.close(), other?.close()]);
      await backend?.close();
    });

    function consume(handler: DeliveryHandler, concurrency = 1, from = queue): Consumer {
      const consumer = from.consume(handler, { concurrency });
      consumers.push(consumer);
      return consumer;
    }

    test('delivers an id that waits, and one that comes later', async () => {
      const [early, late] = [newId('ftjob'), newId('ftjob')];
      const seen: string[] = [];
      await queue.add(early);
      consume(async (id) => void seen.push(id));
      await eventually(() => expect(seen).toEqual([early]));
      await other.add(late);
      await eventually(() => expect(seen).toEqual([early, late]));
      // A handler ends before its delivery is off the queue.
      await eventually(async () => expect(await queue.counts()).toEqual({ waiting: 0, active: 0 }));
    });

    test('wakes a consumer that waits, soon', async () => {
      const gate = new Gate<string>();
      consume(async (id) => gate.open(id));
      await delay(1000); // the consumer has found nothing and waits
      const begin = performance.now();
      const id = newId('ftjob');
      await other.add(id);
      expect(await gate.passed).toBe(id);
      expect(performance.now() - begin).toBeLessThan(1000);
    });

    test('keeps one entry of an id that waits already, and lists ids in their order', async () => {
      const ids = Array.from({ length: 5 }, () => newId('ftjob'));
      for (const id of ids) await queue.add(id);
      await other.add(ids[2]!);
      expect(await queue.waiting(10)).toEqual(ids);
      expect(await queue.waiting(2)).toEqual(ids.slice(0, 2));
      expect(await queue.counts()).toEqual({ waiting: 5, active: 0 });
      const seen: string[] = [];
      consume(async (id) => void seen.push(id));
      await eventually(async () => {
        expect(seen).toHaveLength(5);
        expect(await queue.counts()).toEqual({ waiting: 0, active: 0 });
      });
      expect(seen).toEqual(ids);
    });

    test('takes out an id that waits, and says so', async () => {
      const [gone, stays] = [newId('ftjob'), newId('ftjob')];
      await queue.add(gone);
      await queue.add(stays);
      expect(await other.remove(gone)).toBe(true);
      expect(await other.remove(gone)).toBe(false);
      expect(await queue.waiting(10)).toEqual([stays]);
    });

    test('takes many ids at once, in their order, those that are known already too', async () => {
      const ids = Array.from({ length: 12 }, () => newId('ftjob'));
      await queue.add(ids[3]!);
      await other.add(...ids, ids[5]!);
      expect(await queue.waiting(20)).toEqual([ids[3], ...ids.filter((_, i) => i !== 3)]);
      const seen: string[] = [];
      consume(async (id) => void seen.push(id));
      await eventually(() => expect(seen.toSorted()).toEqual(ids.toSorted()));
    });

    test('does not take out an id that a consumer has', async () => {
      const id = newId('ftjob');
      const [begun, end] = [new Gate(), new Gate()];
      consume(async () => {
        begun.open();
        await end.passed;
      });
      await queue.add(id);
      await begun.passed;
      expect(await queue.remove(id)).toBe(false);
      expect(await queue.counts()).toEqual({ waiting: 0, active: 1 });
      end.open();
      await eventually(async () => expect(await queue.counts()).toEqual({ waiting: 0, active: 0 }));
    });

    test('delivers an id again that is added while its delivery runs, at once to another consumer', async () => {
      const id = newId('ftjob');
      const [first, second, end] = [new Gate(), new Gate(), new Gate()];
      let deliveries = 0;
      const handler = async (): Promise<void> => {
        deliveries += 1;
        (deliveries === 1 ? first : second).open();
        await end.passed;
      };
      consume(handler);
      await queue.add(id);
      await first.passed;
      await queue.add(id);
      await queue.add(id);
      expect(await queue.waiting(10)).toEqual([id]);
      consume(handler, 1, other);
      await second.passed;
      end.open();
      await eventually(async () => expect(await queue.counts()).toEqual({ waiting: 0, active: 0 }));
      expect(deliveries).toBe(2);
    });

    test('delivers an id again that is added at any moment of its delivery', async () => {
      const id = newId('ftjob');
      let started = 0;
      consume(async () => {
        started += 1;
      }, 2);
      for (let round = 0; round < 40; round++) {
        const before = started;
        await other.add(id);
        // However close to the end of the last delivery that was, one starts after it.
        await eventually(() => expect(started).toBeGreaterThan(before), 3000);
      }
    });

    test('delivers again what a handler refused, after a pause, and goes on with others meanwhile', async () => {
      const [bad, good] = [newId('ftjob'), newId('ftjob')];
      const seen: string[] = [];
      consume(async (id) => {
        seen.push(id);
        if (id === bad && seen.filter((one) => one === bad).length < 3) throw new Error('not now');
      });
      await queue.add(bad);
      await queue.add(good);
      await eventually(() => expect(seen.filter((id) => id === bad)).toHaveLength(3), 15_000);
      expect(seen.filter((id) => id === good)).toHaveLength(1);
      expect(seen.indexOf(good)).toBeLessThan(seen.lastIndexOf(bad));
      await eventually(async () => expect(await queue.counts()).toEqual({ waiting: 0, active: 0 }));
    });

    test('counts an id that pauses as waiting, delivers it at once when it is added, and can take it out', async () => {
      const id = newId('ftjob');
      let refusals = 0;
      const consumer = consume(async () => {
        refusals += 1;
        throw new Error('not now');
      });
      await queue.add(id);
      await eventually(() => expect(refusals).toBeGreaterThanOrEqual(4), 15_000); // its pause is 4 s now
      await consumer.close();
      expect(await queue.waiting(10)).toEqual([id]);
      expect(await queue.counts()).toEqual({ waiting: 1, active: 0 });
      await queue.add(id);
      const gate = new Gate<string>();
      const again = consume(async (delivered) => gate.open(delivered));
      const begin = performance.now();
      expect(await gate.passed).toBe(id);
      expect(performance.now() - begin).toBeLessThan(2000);
      await again.close();
      await eventually(async () => expect(await queue.counts()).toEqual({ waiting: 0, active: 0 }));
    });

    test('runs as many handlers at once as it may, and no more', async () => {
      const ids = Array.from({ length: 8 }, () => newId('ftjob'));
      let [now, most] = [0, 0];
      const done: string[] = [];
      consume(async (id) => {
        now += 1;
        most = Math.max(most, now);
        await delay(100);
        now -= 1;
        done.push(id);
      }, 3);
      for (const id of ids) await queue.add(id);
      await eventually(() => expect(done).toHaveLength(8));
      expect(most).toBe(3);
      expect(new Set(done).size).toBe(8);
    });

    test('waits at its close for the handlers that run, and takes no more', async () => {
      const [first, second] = [newId('ftjob'), newId('ftjob')];
      const [begun, end] = [new Gate(), new Gate()];
      const seen: string[] = [];
      const consumer = consume(async (id, signal) => {
        seen.push(id);
        begun.open();
        await end.passed;
        seen.push(`${id} aborted: ${signal.aborted}`);
      });
      await queue.add(first);
      await begun.passed;
      const closed = consumer.close();
      await queue.add(second);
      end.open();
      await closed;
      expect(seen).toEqual([first, `${first} aborted: false`]);
      expect(await queue.waiting(10)).toEqual([second]);
    });

    test('aborts the handlers at its close if it is told to, and delivers again what they refused', async () => {
      const id = newId('ftjob');
      const begun = new Gate();
      const consumer = consume(async (_, signal) => {
        begun.open();
        await new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(new Error('stopped'))),
        );
      });
      await queue.add(id);
      await begun.passed;
      await consumer.close({ abort: true });
      const again = new Gate<string>();
      consume(async (delivered) => again.open(delivered), 1, other);
      expect(await again.passed).toBe(id);
    });

    test('answers a ping', async () => {
      await expect(queue.ping()).resolves.toBeUndefined();
    });

    test('goes on by itself after its backend was away, and keeps what waited', async () => {
      const [running, waiting, later] = [newId('ftjob'), newId('ftjob'), newId('ftjob')];
      const [begun, end] = [new Gate(), new Gate()];
      const seen: string[] = [];
      consume(async (id) => {
        seen.push(id);
        if (id !== running) return;
        begun.open();
        await end.passed;
      });
      await queue.add(running);
      await begun.passed;
      await queue.add(waiting);
      await backend.restart(async () => {
        await expect(queue.add(later)).rejects.toMatchObject({ code: 'queue_unavailable' });
        await expect(queue.ping()).rejects.toMatchObject({ code: 'queue_unavailable' });
        end.open(); // its end cannot be told to anyone
        await delay(3000);
      });
      await eventually(() => expect(seen).toContain(waiting), 20_000);
      await queue.add(later);
      const begin = performance.now();
      await eventually(() => expect(seen).toContain(later), 20_000);
      expect(performance.now() - begin).toBeLessThan(2000);
      await eventually(async () => expect(await queue.counts()).toEqual({ waiting: 0, active: 0 }), 30_000);
    }, 90_000);
  });
}
