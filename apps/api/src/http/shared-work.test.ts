import { expect, test } from 'vitest';
import { SharedWork } from './shared-work.js';

/** Work that ends when it is told to. */
function started(graceMilliseconds: number) {
  let finish: (value: string) => void = () => {};
  let signal = new AbortController().signal;
  const work = new SharedWork<string>((given) => {
    signal = given;
    return new Promise((resolve, reject) => {
      finish = resolve;
      given.addEventListener('abort', () => reject(given.reason as Error));
    });
  }, graceMilliseconds);
  return { work, finish: (value: string) => finish(value), isAborted: () => signal.aborted };
}

test('all who wait have the result of one work', async () => {
  const { work, finish } = started(0);
  const both = Promise.all([
    work.wait(new AbortController().signal),
    work.wait(new AbortController().signal),
  ]);
  finish('done');
  expect(await both).toEqual(['done', 'done']);
});

test('who goes away is let go at once, and the work goes on for the others', async () => {
  const { work, finish, isAborted } = started(0);
  const gone = new AbortController();
  const first = work.wait(gone.signal);
  const second = work.wait(new AbortController().signal);
  gone.abort(new Error('gone'));
  await expect(first).rejects.toThrow('gone');
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(isAborted()).toBe(false);
  finish('done');
  expect(await second).toBe('done');
});

test('it is stopped when the last has gone and nobody came in time', async () => {
  const { work, isAborted } = started(10);
  const gone = new AbortController();
  const alone = work.wait(gone.signal);
  gone.abort(new Error('gone'));
  await expect(alone).rejects.toThrow('gone');
  expect(isAborted()).toBe(false);
  await expect.poll(isAborted).toBe(true);
  expect(work.isStopped).toBe(true);
});

test('one who comes back in time finds it going on', async () => {
  const { work, finish, isAborted } = started(30_000);
  const gone = new AbortController();
  const before = work.wait(gone.signal);
  gone.abort(new Error('gone'));
  await expect(before).rejects.toThrow('gone');
  const back = work.wait(new AbortController().signal);
  finish('done');
  expect([await back, isAborted()]).toEqual(['done', false]);
});
