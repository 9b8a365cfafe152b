import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AtomicFile } from '#base/atomic-file-writer.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'atomic-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Lets every write of the file fail as the operating system would. */
function failWith(file: AtomicFile, code: string): void {
  const failure = Object.assign(new Error(`${code}: write`), { code });
  const handle = (file as unknown as { file: { appendFile: () => Promise<void> } }).file;
  handle.appendFile = () => Promise.reject(failure);
}

describe('AtomicFile', () => {
  it('shows the file only when it is whole', async () => {
    const path = join(folder, 'deep', 'name');
    const file = await AtomicFile.create(path);
    file.append(Buffer.from('one '));
    await file.flush(1);
    expect(await readdir(join(folder, 'deep'))).toEqual([expect.stringMatching(/^\.name\..*\.tmp$/)]);
    file.append(Buffer.from('two'));
    await file.commit();
    expect(await readdir(join(folder, 'deep'))).toEqual(['name']);
    expect(await readFile(path, 'utf8')).toBe('one two');
  });

  it('leaves nothing behind when it is given up', async () => {
    const file = await AtomicFile.create(join(folder, 'name'));
    file.append(Buffer.from('one'));
    await file.flush(1);
    await file.discard();
    await file.discard();
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([['ENOSPC'], ['EDQUOT'], ['EFBIG']])('explains %s', async (code) => {
    const file = await AtomicFile.create(join(folder, 'name'));
    file.append(Buffer.from('one'));
    failWith(file, code);
    const failure = file.commit();
    await expect(failure).rejects.toMatchObject({
      code: 'disk_full',
      details: { file: join(folder, 'name') },
    });
    await expect(failure).rejects.toThrow(/free some space/);
    await file.discard();
    expect(await readdir(folder)).toEqual([]);
  });

  it('passes other failures on as they are', async () => {
    const file = await AtomicFile.create(join(folder, 'name'));
    file.append(Buffer.from('one'));
    failWith(file, 'EIO');
    await expect(file.commit()).rejects.toMatchObject({ code: 'EIO' });
    await file.discard();
  });
});
