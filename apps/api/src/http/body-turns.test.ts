import { expect, test } from 'vitest';
import { BodyTurns } from './body-turns.js';

const busy = (milliseconds: number) => {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
};

test('between two large bodies the event loop goes round, for as long as the first one took', async () => {
  const turns = new BodyTurns();
  const starts: number[] = [];
  let rounds = 0;
  let roundsBetween = Infinity;
  let round = setImmediate(function next() {
    rounds++;
    round = setImmediate(next);
  });
  const body = async () => {
    await turns.next('one');
    if (starts.length > 0) roundsBetween = Math.min(roundsBetween, rounds);
    starts.push(performance.now());
    busy(20);
    rounds = 0;
  };
  await Promise.all([body(), body(), body(), body()]);
  clearImmediate(round);
  expect(roundsBetween).toBeGreaterThan(5);
  for (const [i, start] of starts.slice(1).entries()) expect(start - starts[i]!).toBeGreaterThanOrEqual(38);
});

test('projects take turns, and no more wait than memory bears', async () => {
  const turns = new BodyTurns();
  const order: string[] = [];
  const body = async (project: string) => {
    await turns.next(project);
    order.push(project);
  };
  const first = Array.from({ length: 65 }, () => body('crowd'));
  const other = body('other');
  await expect(body('crowd')).rejects.toMatchObject({ code: 'queue_full' });
  await Promise.all([...first, other]);
  expect(order.indexOf('other')).toBeLessThan(3);
});
