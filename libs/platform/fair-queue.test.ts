import { expect, test } from 'vitest';
import { FairQueue } from '#platform/fair-queue.js';

const usual = { atOnce: 1, waitingOfOne: 3, waiting: 5, what: 'plans' };

/** Work that ends when it is told to. */
function held() {
  let end: () => void = () => undefined;
  const done = new Promise<void>((resolve) => (end = resolve));
  return { work: () => done, end };
}

test('owners take turns, however many of one wait', async () => {
  const queue = new FairQueue(usual);
  const first = held();
  const order: string[] = [];
  const ask = (owner: string, name: string) =>
    queue.run(owner, () => {
      order.push(name);
      return Promise.resolve();
    });
  const running = queue.run('a', first.work);
  const all = [ask('a', 'a1'), ask('a', 'a2'), ask('a', 'a3'), ask('b', 'b1')];
  expect(queue.length).toBe(4);
  first.end();
  await Promise.all([running, ...all]);
  expect(order).toEqual(['a1', 'b1', 'a2', 'a3']);
});

test('as many run at once as are allowed', async () => {
  const queue = new FairQueue({ ...usual, atOnce: 2 });
  let running = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    running--;
  };
  await Promise.all(Array.from({ length: 5 }, (_, i) => queue.run(String(i), work)));
  expect(most).toBe(2);
});

test('what is too much is refused, of one owner and of all, with the seconds to wait', async () => {
  const queue = new FairQueue(usual);
  const first = held();
  const running = [queue.run('a', first.work)];
  const ask = (owner: string) => queue.run(owner, () => Promise.resolve());
  running.push(ask('a'), ask('a'), ask('a'));
  await expect(ask('a')).rejects.toMatchObject({
    code: 'queue_full',
    details: { retryAfterSeconds: expect.any(Number) as unknown },
    message: expect.stringContaining('of this project') as unknown,
  });
  running.push(ask('b'), ask('c'));
  await expect(ask('d')).rejects.toMatchObject({ code: 'queue_full' });
  first.end();
  await Promise.all(running);
  await ask('d');
});

test('who does not wait any more leaves the queue at once', async () => {
  const queue = new FairQueue(usual);
  const first = held();
  const running = queue.run('a', first.work);
  const gone = new AbortController();
  const reason = new Error('gone');
  let began = false;
  const waiting = queue.run('b', () => Promise.resolve((began = true)), gone.signal);
  gone.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  expect(queue.length).toBe(0);
  first.end();
  await running;
  expect(began).toBe(false);
  await expect(queue.run('b', () => Promise.resolve(), gone.signal)).rejects.toBe(reason);
});

test('work that fails makes room for the next', async () => {
  const queue = new FairQueue(usual);
  const failed = queue.run('a', () => Promise.reject(new Error('broken')));
  const next = queue.run('a', () => Promise.resolve('done'));
  await expect(failed).rejects.toThrow('broken');
  expect(await next).toBe('done');
});
