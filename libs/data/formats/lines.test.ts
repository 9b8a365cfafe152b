import { describe, expect, it } from 'vitest';
import { readLines } from '#data/formats/lines.js';

interface ReadLine {
  readonly number: number;
  /** Undefined for a line that is too long. */
  readonly text: string | undefined;
  readonly isUnterminated: boolean;
}

async function* chunksOf(content: Buffer, length: number): AsyncGenerator<Buffer> {
  // One buffer for all chunks, as files are read.
  const buffer = Buffer.alloc(length);
  for (let at = 0; at < content.length; at += length) {
    const copied = content.copy(buffer, 0, at, at + length);
    yield buffer.subarray(0, copied);
  }
}

async function read(content: string | Buffer, chunkBytes = 4, maxBytes = 100) {
  const lines: ReadLine[] = [];
  for await (const batch of readLines(chunksOf(Buffer.from(content), chunkBytes), maxBytes)) {
    for (const { number, bytes, isUnterminated } of batch) {
      lines.push({ number, text: bytes?.toString(), isUnterminated });
    }
  }
  return { lines, texts: lines.map(({ text }) => text) };
}

describe('readLines', () => {
  it.each([3, 4, 5, 7, 100])('cuts lines whatever the chunks are: %i bytes', async (chunkBytes) => {
    const { lines } = await read('one\ntwo\r\n\nlonger line here\nlast', chunkBytes);
    expect(lines).toEqual([
      { number: 1, text: 'one', isUnterminated: false },
      { number: 2, text: 'two', isUnterminated: false },
      { number: 3, text: '', isUnterminated: false },
      { number: 4, text: 'longer line here', isUnterminated: false },
      { number: 5, text: 'last', isUnterminated: true },
    ]);
  });

  it('does not count an empty line after the last line end', async () => {
    expect((await read('a\n')).texts).toEqual(['a']);
    expect((await read('')).texts).toEqual([]);
  });

  it('takes a byte order mark off the first line only', async () => {
    expect((await read('\ufeffa\n\ufeffb\n')).texts).toEqual(['a', '\ufeffb']);
  });

  it('passes over a line that is too long and goes on with the next', async () => {
    const { lines } = await read(`a\n${'x'.repeat(101)}\n${'y'.repeat(100)}\n`);
    expect(lines.map(({ number, text }) => [number, text?.length])).toEqual([
      [1, 1],
      [2, undefined],
      [3, 100],
    ]);
    expect((await read('x'.repeat(101))).lines).toEqual([
      { number: 1, text: undefined, isUnterminated: true },
    ]);
  });

  it('says whether a line that is too long may be many that end with CR alone', async () => {
    const flags = async (content: string) => {
      const found: (boolean | undefined)[] = [];
      for await (const batch of readLines(chunksOf(Buffer.from(content), 7), 20)) {
        found.push(...batch.map(({ hasReturn }) => hasReturn));
      }
      return found;
    };
    expect(await flags(`${'x'.repeat(12)}\r${'y'.repeat(12)}\r`)).toEqual([true]);
    expect(await flags(`${'x'.repeat(30)}\r\nshort\r\n`)).toEqual([false, undefined]);
  });
});
