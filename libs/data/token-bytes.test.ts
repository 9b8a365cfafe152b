import { expect, test } from 'vitest';
import { createTokenBytes } from '#data/token-bytes.js';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test('GPT-2 spells bytes, half characters too', () => {
  const bytesOf = createTokenBytes({ type: 'ByteLevel' });
  expect(text(bytesOf('Ġa'))).toBe(' a');
  expect([...bytesOf('Ã')]).toEqual([0xc3]);
});

test('sentencepiece marks spaces, and spells single bytes where it falls back to them', () => {
  const stages = [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }];
  const bytesOf = createTokenBytes({ type: 'Sequence', decoders: stages });
  expect(text(bytesOf('▁a'))).toBe(' a');
  expect([...bytesOf('<0x7B>')]).toEqual([0x7b]);
  expect(text(createTokenBytes({ type: 'Metaspace' })('<0x7B>'))).toBe('<0x7B>');
});

test('pieces of words join, and words stand apart', () => {
  const bytesOf = createTokenBytes({ type: 'WordPiece' });
  expect(text(bytesOf('##ing'))).toBe('ing');
  expect(text(bytesOf('sing'))).toBe(' sing');
  expect(text(createTokenBytes(null)('a'))).toBe(' a');
});
