import { describe, expect, it } from 'vitest';
import { buildPassages } from './passages.js';

function words(parts: readonly string[]): string[] {
  return parts.join(' ').split(/\s+/);
}

describe('buildPassages', () => {
  it('joins whole paragraphs while they fit', () => {
    expect(buildPassages(['aaa', 'bbb', 'ccc'], 8)).toEqual(['aaa\n\nbbb', 'ccc']);
  });

  it('cuts a long paragraph between sentences', () => {
    expect(buildPassages(['One two. "Three four!" Five six?'], 22)).toEqual([
      'One two. "Three four!"',
      'Five six?',
    ]);
  });

  it('cuts long verse between lines', () => {
    expect(buildPassages(['first line\nsecond line'], 12)).toEqual(['first line', 'second line']);
  });

  it('cuts a sentence that alone is too long between words', () => {
    const passages = buildPassages(['word '.repeat(10).trim()], 14);
    expect(passages).toEqual(['word word word', 'word word word', 'word word word', 'word']);
  });

  it('loses no word', () => {
    const paragraphs = ['A b c. D e f; g h.', 'I j\nk l m', 'N.'];
    expect(words(buildPassages(paragraphs, 9))).toEqual(words(paragraphs));
  });
});
