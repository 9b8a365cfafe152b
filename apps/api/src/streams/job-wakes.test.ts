import { expect, test } from 'vitest';
import type { NotificationHandler } from '#platform/notifications.js';
import type { Platform } from '#platform/platform.js';
import { JobWakes } from './job-wakes.js';

const never = new AbortController().signal;
const long = 60_000;

function wakesWith() {
  let send: NotificationHandler = () => undefined;
  const notifications = {
    listen: (_: string, handler: NotificationHandler) => {
      send = handler;
      return () => undefined;
    },
  };
  const wakes = new JobWakes({ notifications } as unknown as Platform);
  wakes.onModuleInit();
  return { wakes, send: (payload: string | null) => send(payload) };
}

/** Whether a promise is settled once everything that can run has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

test('a watch looks at once, then waits for news of its job', async () => {
  const { wakes, send } = wakesWith();
  const watch = wakes.watch('a');
  expect(await isSettled(watch.next(long, never))).toBe(true);
  const second = watch.next(long, never);
  send('b');
  expect(await isSettled(second)).toBe(false);
  send('a');
  expect(await isSettled(second)).toBe(true);
});

test('news that come while nobody waits are not lost', async () => {
  const { wakes, send } = wakesWith();
  const watch = wakes.watch('a');
  await watch.next(long, never);
  send('a');
  expect(await isSettled(watch.next(long, never))).toBe(true);
});

test('after an outage everyone looks', async () => {
  const { wakes, send } = wakesWith();
  const watches = [wakes.watch('a'), wakes.watch('a'), wakes.watch('b')];
  await Promise.all(watches.map((watch) => watch.next(long, never)));
  const waits = watches.map((watch) => watch.next(long, never));
  send(null);
  expect(await Promise.all(waits.map(isSettled))).toEqual([true, true, true]);
});

test('a watch gives up after its time, and when it is told to', async () => {
  const { wakes } = wakesWith();
  const watch = wakes.watch('a');
  await watch.next(long, never);
  await watch.next(1, never);
  const stop = new AbortController();
  const wait = watch.next(long, stop.signal);
  stop.abort();
  expect(await isSettled(wait)).toBe(true);
});

test('watches that ended are forgotten', () => {
  const { wakes, send } = wakesWith();
  const first = wakes.watch('a');
  const second = wakes.watch('a');
  first[Symbol.dispose]();
  second[Symbol.dispose]();
  expect(() => send('a')).not.toThrow();
  expect((wakes as unknown as { watches: Map<string, unknown> }).watches.size).toBe(0);
});
