import { expect, test } from 'vitest';
import { KeyValueCache } from '#generation/key-value-cache.js';

const layers = [0, 1].map((layer) => ({ layer, kvHeads: 2, headDim: 1 }));
const all = ['keys.0', 'values.0', 'keys.1', 'values.1'];

/** Arrays of two heads with room for two tokens; numbers tell array, head and token. */
function arrays(): Record<string, Float32Array> {
  const numbers = (i: number) => [0, 1, 10, 11].map((at) => 100 * i + at);
  return Object.fromEntries(all.map((name, i) => [name, Float32Array.from(numbers(i))]));
}

test('a token goes to its place in every head of every layer', () => {
  const cache = new KeyValueCache(layers, 2, 1, arrays());
  cache.append(Float32Array.of(-1, -2, -3, -4, -5, -6, -7, -8));
  expect(cache.length).toBe(2);
  expect(cache.inputs()).toEqual({
    'keys.0': Float32Array.of(0, -1, 10, -2),
    'values.0': Float32Array.of(100, -3, 110, -4),
    'keys.1': Float32Array.of(200, -5, 210, -6),
    'values.1': Float32Array.of(300, -7, 310, -8),
  });
});

test('more room keeps what is there, and only that', () => {
  const cache = new KeyValueCache(layers, 2, 1, arrays());
  cache.grow(3);
  expect(cache.capacity).toBe(3);
  expect(cache.inputs()['values.0']).toEqual(Float32Array.of(100, 0, 0, 110, 0, 0));
  cache.append(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  expect(cache.inputs()['values.0']).toEqual(Float32Array.of(100, 3, 0, 110, 4, 0));
});

test('layers may have sizes of their own', () => {
  const sizes = [
    { layer: 0, kvHeads: 1, headDim: 2 },
    { layer: 3, kvHeads: 2, headDim: 1 },
  ];
  const names = ['keys.0', 'values.0', 'keys.3', 'values.3'];
  const room = Object.fromEntries(names.map((name) => [name, new Float32Array(4)]));
  const cache = new KeyValueCache(sizes, 2, 1, room);
  cache.append(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  expect(cache.inputs()).toEqual({
    'keys.0': Float32Array.of(0, 0, 1, 2),
    'values.0': Float32Array.of(0, 0, 3, 4),
    'keys.3': Float32Array.of(0, 5, 0, 6),
    'values.3': Float32Array.of(0, 7, 0, 8),
  });
});
