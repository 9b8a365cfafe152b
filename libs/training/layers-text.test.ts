import { expect, test } from 'vitest';
import { layersText } from '#training/layers-text.js';

test('layers are counted, and weights that are trained as they are only where there are any', () => {
  expect(layersText({ modules: [1], whole_weights: [] })).toBe('1 layer');
  expect(layersText({ modules: [1, 2], whole_weights: [1] })).toBe('2 layers and 1 whole weight');
  expect(layersText({ modules: [], whole_weights: [1, 2] })).toBe('0 layers and 2 whole weights');
});
