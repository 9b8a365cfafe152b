import { expect, test } from 'vitest';
import { chooseChunkSize } from '#training/loss-chunk.js';

test('a batch whose rows all have targets is done in few chunks, one with few targets in small ones', () => {
  expect(chooseChunkSize(512, 510, 49152)).toBe(256);
  expect(chooseChunkSize(512, 127, 49152)).toBe(128);
  expect(chooseChunkSize(2048, 40, 49152)).toBe(64);
});

test('the logits of a chunk stay within their memory for large vocabularies', () => {
  expect(chooseChunkSize(4096, 4096, 151936)).toBe(64);
});

test('a chunk is never larger than the batch', () => {
  expect(chooseChunkSize(24, 20, 96)).toBe(24);
});
