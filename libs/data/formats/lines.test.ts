import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LineReader } from '#data/lines.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lines-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface ReadLine {
  readonly number: number;
  /** Undefined for a line that is too long. */
  readonly text: string | undefined;
  readonly isUnterminated: boolean;
}

async function read(content: string | Buffer, chunkBytes = 4, maxLineBytes = 100) {
  const path = join(folder, 'file');
  await writeFile(path, content);
  const reader = new LineReader(path, { maxLineBytes, chunkBytes });
  const lines: ReadLine[] = [];
  for await (const batch of reader.batches()) {
    for (const { number, bytes, isUnterminated } of batch) {
      lines.push({ number, text: bytes?.toString(), isUnterminated });
    }
  }
  return { lines, texts: lines.map(({ text }) => text), reader };
}

describe('LineReader', () => {
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

  it('hashes and counts all bytes, those of long lines too', async () => {
    const content = `\ufeff${'x'.repeat(500)}\nb`;
    const { reader } = await read(content);
    expect(reader.bytesRead).toBe(Buffer.byteLength(content));
    expect(reader.digest()).toBe(createHash('sha256').update(content).digest('hex'));
  });

  it('stops when its signal aborts', async () => {
    const path = join(folder, 'file');
    await writeFile(path, 'a\n'.repeat(1000));
    const controller = new AbortController();
    const { signal } = controller;
    const reader = new LineReader(path, { maxLineBytes: 100, chunkBytes: 16, signal });
    const reading = async (): Promise<void> => {
      for await (const _ of reader.batches()) controller.abort(new Error('enough'));
    };
    await expect(reading()).rejects.toThrow('enough');
    expect(reader.bytesRead).toBe(16);
  });
});
