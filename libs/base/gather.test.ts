import { expect, test } from 'vitest';
import { gathered } from '#base/gather.js';

/** Doubles numbers when it is let; refuses 13. */
function doubling(options?: Parameters<typeof gathered>[1]) {
  const runs: number[][] = [];
  const gates: (() => void)[] = [];
  const double = gathered<number, number>(async (inputs) => {
    runs.push([...inputs]);
    await new Promise<void>((resolve) => gates.push(resolve));
    if (inputs.includes(13)) throw new Error('13 is refused');
    return inputs.map((input) => 2 * input);
  }, options);
  const letAll = async () => {
    for (let quiet = 0; quiet < 3; quiet++) {
      if (gates.length > 0) quiet = 0;
      for (const open of gates.splice(0)) open();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { double, runs, letAll };
}

test('a call alone is run at once, and those that come while others run go together', async () => {
  const { double, runs, letAll } = doubling({ atOnce: 1 });
  const calls = [1, 2, 3, 4].map((input) => double(input));
  expect(runs).toEqual([[1]]);
  await letAll();
  expect(await Promise.all(calls)).toEqual([2, 4, 6, 8]);
  expect(runs).toEqual([[1], [2, 3, 4]]);
});

test('a run that hangs holds up nobody', async () => {
  const { double, runs } = doubling({ atOnce: 2 });
  void double(1);
  void double(2);
  void double(3);
  expect(runs).toEqual([[1], [2]]);
});

test('a run has a size, and the rest comes next', async () => {
  const { double, runs, letAll } = doubling({ atOnce: 1, most: 2 });
  const calls = [1, 2, 3, 4, 5].map((input) => double(input));
  await letAll();
  await Promise.all(calls);
  expect(runs).toEqual([[1], [2, 3], [4, 5]]);
});

test('a call that cannot be done fails for itself', async () => {
  const { double, letAll } = doubling({ atOnce: 1 });
  const calls = [1, 12, 13, 14].map((input) => double(input));
  const settled = Promise.allSettled(calls);
  await letAll();
  const outcomes = (await settled).map((one) =>
    one.status === 'fulfilled' ? one.value : (one.reason as Error).message,
  );
  expect(outcomes).toEqual([2, 24, '13 is refused', 28]);
});
