import { beforeEach, expect, test } from 'vitest';
import { type DeviceSlot, DeviceSlots } from './device-slots.js';

const cpu: DeviceSlot = { name: 'cpu', devices: ['cpu'], onRequest: ['eager'], facts: { cores: 2 } };
const gpu: DeviceSlot = {
  name: 'gpu',
  devices: ['cuda', 'webgpu'],
  onRequest: ['tfjs-node-gpu'],
  facts: { index: 0 },
  environment: { CUDA_VISIBLE_DEVICES: '0' },
  environments: { cuda: { LD_LIBRARY_PATH: '/cuda/lib' } },
};

let slots: DeviceSlots;
beforeEach(() => {
  slots = new DeviceSlots();
  slots.add(cpu);
  slots.add(gpu);
});

test('a job that leaves the choice to the worker goes to the GPU, and not to the processor beside it', () => {
  expect(slots.takes(gpu)).toEqual(['auto', 'cuda', 'webgpu', 'tfjs-node-gpu']);
  expect(slots.takes(cpu)).toEqual(['cpu', 'eager']);
  const taken = slots.take(gpu, 'auto');
  expect(taken).toMatchObject({ device: 'cuda', environment: { CUDA_VISIBLE_DEVICES: '0' } });
  expect(slots.free).toEqual([cpu]);
});

test('a device finds its own libraries, and the others on the same hardware do not', () => {
  const cuda = slots.take(gpu, 'cuda');
  expect(cuda.environment).toEqual({ CUDA_VISIBLE_DEVICES: '0', LD_LIBRARY_PATH: '/cuda/lib' });
  cuda.release();
  // TensorFlow's CUDA is another one.
  expect(slots.take(gpu, 'tfjs-node-gpu').environment).toEqual({ CUDA_VISIBLE_DEVICES: '0' });
});

test('where there is no GPU it goes to the processor', () => {
  const own = new DeviceSlots();
  own.add(cpu);
  expect(own.takes(cpu)).toEqual(['auto', 'cpu', 'eager']);
  expect(own.take(cpu, 'auto').device).toBe('cpu');
});

test('a device that is asked for shares its hardware with the others on it', () => {
  const eager = slots.take(cpu, 'eager');
  expect(eager.device).toBe('eager');
  expect(slots.free).toEqual([gpu]);
  expect(() => slots.take(cpu, 'cpu')).toThrow('cannot run');
  eager.release();
  expect(slots.take(cpu, 'cpu').device).toBe('cpu');
});

test('it says what could ever run here', () => {
  expect(slots.facts).toEqual([
    { name: 'cpu', devices: ['cpu', 'eager'], auto: false, cores: 2 },
    { name: 'gpu', devices: ['cuda', 'webgpu', 'tfjs-node-gpu'], auto: true, index: 0 },
  ]);
});

test('a worker that was given a slow device alone uses it', () => {
  const own = new DeviceSlots();
  const slot: DeviceSlot = { name: 'cpu', devices: [], onRequest: ['tfjs-node'], facts: {} };
  own.add(slot);
  expect(own.take(slot, 'auto').device).toBe('tfjs-node');
});

test('who waits for a slot goes on when one is given back, even if it is taken again at once', async () => {
  const never = new AbortController();
  await slots.untilFree(never.signal);
  const taken = [slots.take(cpu, 'cpu'), slots.take(gpu, 'cuda')];
  let isThrough = false;
  const waiting = slots.untilFree(never.signal).then(() => (isThrough = true));
  await Promise.resolve();
  expect(isThrough).toBe(false);
  taken[0]!.release();
  slots.take(cpu, 'cpu');
  await waiting;
});

test('who waits for a slot goes on when that is given up', async () => {
  slots.take(cpu, 'cpu');
  slots.take(gpu, 'cuda');
  const stop = new AbortController();
  const waiting = slots.untilFree(stop.signal);
  stop.abort();
  await expect(waiting).resolves.toBeUndefined();
  expect(slots.free).toEqual([]);
});
