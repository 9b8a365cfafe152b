import { describe, expect, it } from 'vitest';
import { LowrankError } from '#base/errors.js';
import { cleanParagraphs, cutSection, normalizeCharacters, stripEditorial } from './clean.js';

describe('normalizeCharacters', () => {
  it('writes quotes, dashes, spaces and line ends in ASCII', () => {
    expect(normalizeCharacters('\u201cIt\u2019s\u201d\u2014``so`\u00a0\r\nx  \r\n')).toBe(
      '"It\'s"--"so\'\nx\n',
    );
  });
});

describe('stripEditorial', () => {
  it('removes the title line, the publisher’s end matter and marks of emphasis', () => {
    const text =
      "[Emma by Jane Austen 1816]\n\nIt was _your_ turn.\n\nEnd of Project Gutenberg's Emma\nlicence";
    expect(stripEditorial(text)).toBe('\nIt was your turn.\n');
  });

  it('removes what stood for a picture and leaves other brackets', () => {
    expect(stripEditorial('a\n[Illustration: a bear]\nb [sic]')).toBe('a\n\nb [sic]');
  });
});

describe('cleanParagraphs', () => {
  it('joins the lines of prose and keeps those of verse quoted in it', () => {
    const text = 'One line\nand another.\n\nHe sang:\n     A song\n     of two lines\n';
    expect(cleanParagraphs(text, 'prose')).toEqual([
      'One line and another.',
      'He sang:\nA song\nof two lines',
    ]);
  });

  it('keeps lines of verse and joins a long line to its continuation', () => {
    expect(cleanParagraphs('First line\nover savannas, trailing\n    in forests,\n\nNext', 'verse')).toEqual([
      'First line\nover savannas, trailing in forests,',
      'Next',
    ]);
  });

  it('takes a section alone, from its first verse to the next heading', () => {
    const bible =
      '\nRuth\n\nor so\n\n1:1 Now it came\nto pass.\n\n1:2 And.\n\nSamuel\n\n1:1 Other.\n\nKings\n';
    const section = { heading: 'Ruth', nextHeading: 'Samuel' };
    expect(cleanParagraphs(bible, 'prose', section)).toEqual(['1:1 Now it came to pass.', '1:2 And.']);
    expect(() => cutSection(bible, { heading: 'Job', nextHeading: 'Kings' })).toThrow(LowrankError);
  });
});
