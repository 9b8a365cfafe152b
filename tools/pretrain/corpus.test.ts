import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { prepareText, quickstartPassageCharacters, type Corpus } from './corpus.js';
import { findOverlap } from './overlap.js';
import { DataPackageError, readPackageText, readTarball, verifyIntegrity } from './packages.js';
import { quickstartFiles } from './quickstart.js';
import { bookSources, lastSpeechYear, speechSources, type TextRole, type TextSource } from './sources.js';

/** A gzipped ustar archive, header fields no reader of ours looks at left empty. */
function tarball(files: Readonly<Record<string, string | Uint8Array>>): Uint8Array {
  const parts = Object.entries(files).flatMap(([path, content]) => {
    const body = Buffer.from(content);
    const header = Buffer.alloc(512);
    header.write(path, 0, 'latin1');
    header.write(body.length.toString(8).padStart(11, '0'), 124, 'latin1');
    header.write('0', 156, 'latin1');
    return [header, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
  });
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(1024)]));
}

describe('data packages', () => {
  it('give their files by the path inside the package', () => {
    const files = readTarball(tarball({ 'package/a/b.txt': 'hello', 'package/c.txt': 'x'.repeat(600) }));
    expect([...files.keys()]).toEqual(['a/b.txt', 'c.txt']);
    expect(readPackageText(files, 'a/b.txt')).toBe('hello');
    expect(readPackageText(files, 'c.txt')).toHaveLength(600);
  });

  it('read as Latin-1 what is no UTF-8', () => {
    const files = readTarball(tarball({ 'package/a.txt': Uint8Array.of(0x43, 0xe6) }));
    expect(readPackageText(files, 'a.txt')).toBe('Cæ');
  });

  it('are refused when a file is missing or the checksum differs', () => {
    expect(() => readPackageText(new Map(), 'a.txt')).toThrow(DataPackageError);
    const bytes = Buffer.from('tarball');
    const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
    expect(() => verifyIntegrity({ name: 'a', version: '1.0.0', integrity }, bytes)).not.toThrow();
    expect(() => verifyIntegrity({ name: 'a', version: '1.0.0', integrity: 'sha512-x' }, bytes)).toThrow(
      /a@1\.0\.0 has checksum/,
    );
  });
});

function authors(role: TextRole): string[] {
  return bookSources.filter((source) => source.role === role).map((source) => source.author);
}

describe('sources', () => {
  it('keep the adapter’s book and the control’s author out of the base', () => {
    expect(authors('base')).not.toContain('King James Bible');
    for (const author of authors('control')) {
      expect(authors('base')).not.toContain(author);
      expect(authors('adapter')).not.toContain(author);
    }
  });

  it('take speeches up to the last year, oldest first', () => {
    const found = speechSources([
      'data/1862_abraham_lincoln_r.txt',
      'data/1790_george_washington_n.txt',
      'data/1790_george_washington_n.json',
      'data/2010_barack_obama_d.txt',
      'README.md',
    ]);
    expect(found.map(({ year, author }) => [year, author])).toEqual([
      [1790, 'george washington'],
      [1862, 'abraham lincoln'],
    ]);
    expect(found.every(({ year }) => year <= lastSpeechYear)).toBe(true);
  });
});

function source(role: TextRole): TextSource {
  return { package: 'p', path: `${role}.txt`, author: role, title: role, year: 1800, form: 'prose', role };
}

function corpusOf(texts: Readonly<Record<TextRole, string>>): Corpus {
  const one = (role: TextRole) => [prepareText(source(role), texts[role])];
  return {
    base: one('base'),
    adapter: one('adapter'),
    'adapter-validation': one('adapter-validation'),
    control: one('control'),
  };
}

const letters = 'abcdefghijklmnopqrstuvwxyz';
const words = (prefix: string, count: number): string =>
  Array.from(
    { length: count },
    (_, index) => prefix + letters[Math.floor(index / 26)]! + letters[index % 26]!,
  ).join(' ');

describe('quickstart data', () => {
  const texts = {
    base: words('base', 50),
    adapter: words('play', 400),
    'adapter-validation': words('other', 50),
    control: words('third', 50),
  };

  it('is one row of text a line, short enough for a block', () => {
    const rows = (quickstartFiles(corpusOf(texts)).get('train.jsonl') ?? '').trimEnd().split('\n');
    expect(rows.length).toBeGreaterThan(1);
    for (const row of rows) {
      const { text } = JSON.parse(row) as { text: string };
      expect(text.length).toBeLessThanOrEqual(quickstartPassageCharacters);
    }
  });

  it.each(['base', 'adapter'] as const)('leaves out validation rows that are in the %s text', (role) => {
    const leaking = corpusOf({ ...texts, [role]: `${texts[role]} ${words('other', 12)}` });
    expect(quickstartFiles(corpusOf(texts)).get('validation.jsonl')).not.toBe('');
    expect(quickstartFiles(leaking).get('validation.jsonl')).toBe('');
  });
});

describe('the committed quickstart files', () => {
  const rowsOf = (name: string): string[] =>
    readFileSync(`examples/quickstart/${name}.jsonl`, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { text: string }).text);

  it('share no run of ten words between training and measuring', () => {
    const training = rowsOf('train');
    for (const name of ['validation', 'control']) {
      expect(findOverlap(training, rowsOf(name), 10).shared).toEqual([]);
    }
  });
});

describe('findOverlap', () => {
  it('looks at words alone, whatever their case and punctuation', () => {
    expect(findOverlap(['The white, WHITE whale!'], ['a white white whale'], 3)).toEqual({
      total: 2,
      shared: ['white white whale'],
    });
  });
});
