import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

test('the image classifier of the example learns to read turned digits and is saved', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'classifier-'));
  try {
    const example = join(root, 'examples/image-classifier/train.mjs');
    const { stdout } = await promisify(execFile)(process.execPath, [example, folder], { cwd: root });
    const share = (line: RegExp) => Number(line.exec(stdout)?.[1]);
    const base = share(/^base model: ([\d.]+)%/m);
    expect(base).toBeGreaterThan(80);
    expect(share(/^before: ([\d.]+)%/m)).toBeLessThan(30);
    expect(share(/^after: ([\d.]+)%/m)).toBeGreaterThan(70);
    expect(share(/^with the adapter at strength 0: ([\d.]+)%/m)).toBe(base);
    expect(share(/within ([\de.+-]+) of the adapter/)).toBeLessThan(1e-5);
    expect((await readdir(folder)).toSorted()).toEqual(['model.json', 'weights.bin']);
  } finally {
    await rm(folder, { recursive: true });
  }
}, 600_000);
