import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type BlockType, decoders } from '#gguf/decode.js';

const { cases } = JSON.parse(readFileSync(join(import.meta.dirname, 'decode.golden.json'), 'utf8')) as {
  cases: readonly { type: BlockType; blocks: string; numbers: string }[];
};

test('every format that is read has a golden case', () => {
  expect(cases.map(({ type }) => type).toSorted()).toEqual(Object.keys(decoders).toSorted());
});

test.each(cases)(
  'blocks of $type are the numbers of the gguf package, bit for bit',
  ({ type, blocks, numbers }) => {
    const expected = new Uint32Array(new Uint8Array(Buffer.from(numbers, 'base64')).buffer);
    const decoded = new Float32Array(expected.length);
    decoders[type](new Uint8Array(Buffer.from(blocks, 'base64')), decoded);
    expect(new Uint32Array(decoded.buffer)).toEqual(expected);
  },
);
