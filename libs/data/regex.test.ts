import { describe, expect, test } from 'vitest';
import { compilePattern } from '#data/regex.js';

const words = (regex: string, text: string): string[] =>
  [...text.matchAll(compilePattern({ Regex: regex }))].map(([word]) => word);

/** The patterns of published tokenizer.json files. */
const gpt2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
const llama3 = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const possessive = String.raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s`;
const intersection = String.raw`[\p{Han}]+|[\p{L}\p{M}&&[^\p{Han}]]+|\s+`;

describe('a regular expression of a tokenizer', () => {
  test.each([
    ['GPT-2', gpt2, "It's  so,\n\nso 12", ['It', "'s", ' ', ' so', ',', '\n', '\n', 'so', ' 12']],
    [
      'Llama 3, whatever the case',
      llama3,
      "I'LL be 12345!\n ok",
      ['I', "'LL", ' be', ' ', '123', '45', '!\n', ' ok'],
    ],
    ['possessive quantifiers', possessive, "We'Ve  42  ", ['We', "'Ve", ' ', ' ', '42', '  ']],
    ['sets within sets', intersection, '漢字kana é', ['漢字', 'kana', ' ', 'é']],
  ])('cuts as Oniguruma does: %s', (_, pattern, text, expected) => {
    expect(words(pattern, text)).toEqual(expected);
  });

  test('knows the white space of Unicode, which is not that of JavaScript', () => {
    expect(words(String.raw`\s+`, 'a\u0085b\u00a0c')).toEqual(['\u0085', '\u00a0']);
    expect(words(String.raw`\s+`, 'a\ufeffb')).toEqual([]);
  });

  test('does not give back what an atomic group or a possessive quantifier took', () => {
    expect(words('a++ab|b', 'aaab')).toEqual(['b']);
    expect(words('(?>a|ab)c|b', 'abc')).toEqual(['b']);
  });

  test('matches lines as Ruby does, where ^ and $ are about lines', () => {
    expect(words('^.', 'a\nb')).toEqual(['a', 'b']);
  });
});

test('a literal string is matched as it stands', () => {
  expect('a.b+c'.replaceAll(compilePattern({ String: '.' }), '_')).toBe('a_b+c');
});

test('what JavaScript cannot express is named with the reason', () => {
  expect(() => compilePattern({ Regex: '(unclosed' })).toThrow(/\(unclosed \(.+\)/);
  expect(() => compilePattern({ Regex: 3 } as never)).toThrow('an unknown kind of pattern');
});
