import { beforeEach, expect, test } from 'vitest';
import { DeviceSlots } from './device-slots.js';

let slots: DeviceSlots;
beforeEach(() => {
  slots = new DeviceSlots();
  slots.add({ name: 'cpu', devices: ['cpu'], onRequest: ['eager'], facts: { cores: 2 } });
  slots.add({
    name: 'gpu',
    devices: ['cuda', 'webgpu'],
    onRequest: ['tfjs-node-gpu'],
    facts: { index: 0 },
    environment: { CUDA_VISIBLE_DEVICES: '0' },
  });
});

test('auto takes the GPU, and waits for it rather than take the processor', () => {
  const [first, second] = [slots.take('auto'), slots.take('auto')];
  expect([first?.device, second]).toEqual(['cuda', undefined]);
  expect(slots.take('cpu')?.device).toBe('cpu');
  expect(first?.environment).toEqual({ CUDA_VISIBLE_DEVICES: '0' });
  first?.release();
  expect(slots.take('auto')?.device).toBe('cuda');
});

test('a device that is asked for shares its hardware with the others on it', () => {
  const eager = slots.take('eager');
  expect(eager?.device).toBe('eager');
  expect(slots.take('cpu')).toBeUndefined();
  expect(slots.take('webgpu')?.device).toBe('webgpu');
  eager?.release();
  expect(slots.take('cpu')?.device).toBe('cpu');
});

test('it says what could ever run here', () => {
  expect(['auto', 'eager', 'tfjs-node-gpu', 'tfjs-node'].map((name) => slots.has(name as 'auto'))).toEqual([
    true,
    true,
    true,
    false,
  ]);
  expect(slots.facts).toEqual([
    { name: 'cpu', devices: ['cpu', 'eager'], cores: 2 },
    { name: 'gpu', devices: ['cuda', 'webgpu', 'tfjs-node-gpu'], index: 0 },
  ]);
});

test('a worker that was given a slow device alone uses it', () => {
  const own = new DeviceSlots();
  own.add({ name: 'cpu', devices: [], onRequest: ['tfjs-node'], facts: {} });
  expect(own.take('auto')?.device).toBe('tfjs-node');
});
