import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ByteStream } from '#data/formats/byte-stream.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bytes-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('ByteStream', () => {
  it('gives all bytes after a look at the first, counts and hashes them', async () => {
    const content = Buffer.from('0123456789'.repeat(70_000));
    const path = join(folder, 'file');
    await writeFile(path, content);
    const stream = new ByteStream(path);
    expect((await stream.head()).subarray(0, 10).toString()).toBe('0123456789');
    expect(stream.bytesRead).toBe(0);
    const chunks: Buffer[] = [];
    for await (const chunk of stream.chunks()) chunks.push(Buffer.from(chunk));
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
    expect(stream.bytesRead).toBe(content.length);
    expect(stream.digest()).toBe(createHash('sha256').update(content).digest('hex'));
  });

  it('has an empty beginning of nothing', async () => {
    async function* nothing(): AsyncGenerator<Buffer> {}
    const stream = new ByteStream(nothing());
    expect(await stream.head()).toHaveLength(0);
    for await (const _ of stream.chunks()) expect.unreachable();
  });

  it('stops when its signal aborts', async () => {
    const path = join(folder, 'long');
    await writeFile(path, 'a\n'.repeat(1_000_000));
    const controller = new AbortController();
    const stream = new ByteStream(path, { signal: controller.signal });
    const reading = async (): Promise<void> => {
      for await (const _ of stream.chunks()) controller.abort(new Error('enough'));
    };
    await expect(reading()).rejects.toThrow('enough');
    expect(stream.bytesRead).toBe(256 * 1024);
  });
});
