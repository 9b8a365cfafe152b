import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FolderStore } from '#platform/objects/folder-store.js';
import { describeObjectStore } from './object-store.contract.js';

describeObjectStore('a folder', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'lowrank-store-'));
  return {
    store: await FolderStore.open(folder),
    other: await FolderStore.open(folder),
    leftovers: async () => (await readdir(path.join(folder, 'partial'))).length,
    close: () => rm(folder, { recursive: true }),
  };
});
