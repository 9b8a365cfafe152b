import { expect, test, vi } from 'vitest';
import type { Planned } from '#jobs/planner-calls.js';
import { parseLoraConfig } from '#lora/config.js';
import { parseTrainingOptions } from '#training/options.js';
import { KnownPlans } from './known-plans.js';
import type { PlanOrder } from './plan-order.js';

const file = { filename: 'train.jsonl', bytes: 10, sha256: 'a', objectKey: 'files/1', form: null };
const order: PlanOrder = {
  base: { name: 'tiny', folder: '/models/tiny', identity: 'sha256:1' },
  requested: { training: {}, lora: null, device: 'auto', seed: 1, learningRateMultiplier: null },
  options: parseTrainingOptions({ max_steps: 2 }),
  lora: parseLoraConfig({ r: 4 }),
  initAdapter: null,
  trainingFile: file,
  validationFile: null,
  validationSplit: null,
  examples: false,
  earlier: [],
};
const never = new AbortController().signal;
const aPlan = () => ({ shown: [] }) as unknown as Planned;
const maker = () => vi.fn<() => Promise<Planned>>(() => Promise.resolve(aPlan()));

test('jobs that are alike are planned once, also while the first is being planned', async () => {
  const plans = new KnownPlans(60_000);
  const make = maker();
  const find = (changes: Partial<PlanOrder> = {}) =>
    plans.find('default', { ...order, ...changes }, make, never);
  const [first, second] = await Promise.all([find(), find()]);
  // Another upload of the same bytes.
  const third = await find({ trainingFile: { ...file, objectKey: 'files/2' } });
  expect(second).toBe(first);
  expect(third).toBe(first);
  expect(make).toHaveBeenCalledOnce();
});

test.each([
  ['options', { options: parseTrainingOptions({ max_steps: 3 }) }],
  ['LoRA', { lora: parseLoraConfig({ r: 8 }) }],
  ['data', { trainingFile: { ...file, sha256: 'b' } }],
  ['columns', { trainingFile: { ...file, form: { columns: { text: 'a' } } } }],
  ['a validation split', { validationSplit: 0.1 }],
  ['validation data', { validationFile: file }],
  ['version of the base model', { base: { ...order.base, identity: 'sha256:2' } }],
  ['device', { requested: { ...order.requested, device: 'cuda' as const } }],
])('another plan is made for other %s', async (_, changes) => {
  const plans = new KnownPlans(60_000);
  const make = maker();
  for (const asked of [order, { ...order, ...changes }]) await plans.find('default', asked, make, never);
  expect(make).toHaveBeenCalledTimes(2);
});

test('another plan is made for another project, for one who wants examples, and after a time', async () => {
  const plans = new KnownPlans(0);
  const make = maker();
  await plans.find('default', order, make, never);
  await plans.find('default', order, make, never);
  expect(make).toHaveBeenCalledTimes(2);
  const lasting = new KnownPlans(60_000);
  await lasting.find('default', order, make, never);
  await lasting.find('other', order, make, never);
  await lasting.find('default', { ...order, examples: true }, make, never);
  expect(make).toHaveBeenCalledTimes(5);
});

test('a plan that failed is made again, and one whose client has gone goes on for the others', async () => {
  const plans = new KnownPlans(60_000);
  const failing = plans.find('default', order, () => Promise.reject(new Error('too long')), never);
  await expect(failing).rejects.toThrow('too long');
  let finish: (planned: Planned) => void = () => {};
  const make = vi.fn<() => Promise<Planned>>(() => new Promise((resolve) => (finish = resolve)));
  const gone = new AbortController();
  const first = plans.find('default', order, make, gone.signal);
  const second = plans.find('default', order, make, never);
  gone.abort(new Error('gone'));
  await expect(first).rejects.toThrow('gone');
  const planned = aPlan();
  finish(planned);
  expect(await second).toBe(planned);
  expect(make).toHaveBeenCalledOnce();
});

test('large plans are not kept by the hundred', async () => {
  const plans = new KnownPlans(60_000);
  const make = vi.fn<() => Promise<Planned>>(() =>
    Promise.resolve({ shown: ['a'.repeat(3_000_000)] } as unknown as Planned),
  );
  const find = (sha256: string) =>
    plans.find('default', { ...order, trainingFile: { ...file, sha256 } }, make, never);
  for (const sha256 of ['a', 'b', 'c', 'c', 'b']) await find(sha256);
  expect(make).toHaveBeenCalledTimes(3);
  await find('a');
  expect(make).toHaveBeenCalledTimes(4);
});
