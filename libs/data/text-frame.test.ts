import { expect, test } from 'vitest';
import { frameTexts, readTextFrames } from '#data/text-frame.js';

const framed = (config: Record<string, unknown> | null, second?: number[]) =>
  frameTexts(readTextFrames(config), [7, 8], second);

test('BERT puts one text and two between its tokens, the second of another type', () => {
  const config = { type: 'BertProcessing', cls: ['[CLS]', 2], sep: ['[SEP]', 3] };
  expect(framed(config)).toEqual({ ids: [2, 7, 8, 3], types: [0, 0, 0, 0] });
  expect(framed(config, [9])).toEqual({ ids: [2, 7, 8, 3, 9, 3], types: [0, 0, 0, 0, 1, 1] });
});

test('RoBERTa puts two tokens between two texts, all of one type', () => {
  const config = { type: 'RobertaProcessing', cls: ['<s>', 0], sep: ['</s>', 2] };
  expect(framed(config, [9])).toEqual({ ids: [0, 7, 8, 2, 2, 9, 2], types: [0, 0, 0, 0, 0, 0, 0] });
});

test('a template says where ids and texts stand, also behind a byte-level processor', () => {
  const token = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
  const text = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
  const template = {
    type: 'TemplateProcessing',
    single: [token('<s>', 0), text('A', 0)],
    pair: [token('<s>', 0), text('A', 0), token('<s>', 1), text('B', 1)],
    special_tokens: { '<s>': { id: '<s>', ids: [1, 1], tokens: ['<s>', '<s>'] } },
  };
  for (const config of [template, { type: 'Sequence', processors: [{ type: 'ByteLevel' }, template] }]) {
    expect(framed(config)).toEqual({ ids: [1, 1, 7, 8], types: [0, 0, 0, 0] });
    expect(framed(config, [9])).toEqual({ ids: [1, 1, 7, 8, 1, 1, 9], types: [0, 0, 0, 0, 1, 1, 1] });
  }
});

test('without a post-processor two texts follow each other', () => {
  expect(framed(null, [9])).toEqual({ ids: [7, 8, 9], types: [0, 0, 1] });
});

test('a post-processor that is not known is refused by name', () => {
  expect(() => framed({ type: 'Odd' })).toThrow(
    "The post-processor 'Odd' of tokenizer.json is not supported.",
  );
});

// By `Tokenizer.enable_truncation(most, strategy="longest_first")` of the Rust library.
test.each([
  [3, undefined, 4, [90, 1, 2, 91]],
  [5, 2, 8, [90, 1, 2, 3, 91, 21, 22, 91]],
  [2, 5, 8, [90, 1, 2, 91, 21, 22, 23, 91]],
  [5, 5, 8, [90, 1, 2, 91, 21, 22, 23, 91]],
  [5, 5, 9, [90, 1, 2, 3, 91, 21, 22, 23, 91]],
  [6, 1, 9, [90, 1, 2, 3, 4, 5, 91, 21, 91]],
  [1, 6, 9, [90, 1, 91, 21, 22, 23, 24, 25, 91]],
  [4, 4, 4, [90, 91, 21, 91]],
  [2, 2, 20, [90, 1, 2, 91, 21, 22, 91]],
])('texts of %j and %j tokens are cut to %j, the longer one first', (first, second, most, ids) => {
  const frames = readTextFrames({ type: 'BertProcessing', cls: ['w90', 90], sep: ['w91', 91] });
  const text = (length: number, from: number) => Array.from({ length }, (_, i) => from + i);
  const pair = second === undefined ? undefined : text(second, 21);
  expect(frameTexts(frames, text(first, 1), pair, most).ids).toEqual(ids);
});
