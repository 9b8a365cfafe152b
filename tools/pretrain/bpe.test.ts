import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTokenizer } from '#data/load-tokenizer.js';
import type { Tokenizer } from '#data/tokenizer.js';
import { countWords, trainBytePairEncoding } from './bpe.js';
import { specialTokens, tokenizerConfigJson, tokenizerJson } from './tokenizer.js';

const text = [
  'The whale, the whale! It is the white whale, said the captain.',
  'She had been to the sea, and the sea had been kind; "It\'s the sea," she said.',
  'Naïve café — 1,234 things\n\nand then\n  some more of the same.',
];

describe('trainBytePairEncoding', () => {
  it('cuts words as GPT-2 does: a space goes with the word after it', () => {
    expect([...countWords(["It's  so,\n\nso"]).keys()]).toEqual(['It', "'s", ' ', ' so', ',', '\n', 'so']);
  });

  it('merges the most frequent pair first, and of equals that with the lowest ids', () => {
    const { tokens, merges } = trainBytePairEncoding(['abab abab ab cd cd'], {
      vocabularySize: 260,
      specialTokens: ['<pad>'],
    });
    expect(tokens.slice(257)).toEqual(['ab', 'cd', 'Ġab']);
    expect(merges).toEqual([
      ['a', 'b'],
      ['c', 'd'],
      ['Ġ', 'ab'],
    ]);
  });

  it('stops when no pair occurs twice', () => {
    const { tokens } = trainBytePairEncoding(['abc'], { vocabularySize: 300, specialTokens: [] });
    expect(tokens).toHaveLength(256);
  });

  it('merges a pair of one letter with itself from the left', () => {
    const { merges, tokens } = trainBytePairEncoding(['aaa aaa'], { vocabularySize: 258, specialTokens: [] });
    expect(merges[0]).toEqual(['a', 'a']);
    expect(tokens.at(-1)).toBe('aaa');
  });
});

describe('tokenizer files', () => {
  const encoding = trainBytePairEncoding(text, { vocabularySize: 320, specialTokens });
  let folder: string;
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'lowrank-bpe-'));
    await writeFile(path.join(folder, 'tokenizer.json'), JSON.stringify(tokenizerJson(encoding)));
    await writeFile(path.join(folder, 'tokenizer_config.json'), JSON.stringify(tokenizerConfigJson()));
    tokenizer = await loadTokenizer(folder);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('give back every text', () => {
    for (const line of [...text, 'Unseen: żółw, 漢字, 🐳\t.']) {
      expect(tokenizer.decode(tokenizer.encode(line), { skipSpecialTokens: true })).toBe(line);
    }
  });

  it('put the beginning-of-sequence token before a text', () => {
    expect(tokenizer.encode('the sea')[0]).toBe(specialTokens.indexOf('<s>'));
  });

  it('read a turn marker as one token', () => {
    const [first] = tokenizer.encode('<|im_start|>user\n', { addSpecialTokens: false });
    expect(first).toBe(specialTokens.indexOf('<|im_start|>'));
  });
});
