import { expect, test } from 'vitest';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';

test('a yarn factor of one or less scales nothing', () => {
  const { attentionScaling, inverseFrequencies } = rotaryFrequencies(4, {
    theta: 10_000,
    scaling: {
      type: 'yarn',
      factor: 1,
      originalMaxPositionEmbeddings: 64,
      attentionFactor: null,
      betaFast: 32,
      betaSlow: 1,
      mscale: null,
      mscaleAllDim: null,
      truncate: true,
    },
  });
  expect(attentionScaling).toBe(1);
  expect(inverseFrequencies).toEqual(Float32Array.of(1, 0.01));
});

test('a wavelength exactly on a bound of llama3 is interpolated, not switched', () => {
  const scaling = {
    type: 'llama3',
    factor: 8,
    lowFreqFactor: 1,
    highFreqFactor: 4,
    originalMaxPositionEmbeddings: Math.fround(2 * Math.PI) * 4,
  } as const;
  // The first frequency is 1: its wavelength 2 pi equals length / highFreqFactor, where the mixture is the frequency itself.
  expect(rotaryFrequencies(2, { theta: 10_000, scaling }).inverseFrequencies[0]).toBe(1);
});
