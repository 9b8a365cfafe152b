import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FolderStore } from '#platform/objects/folder-store.js';
import { declarationOf } from '#training/objectives/declared/registry.js';
import { CheckpointUploader } from './checkpoint-uploader.js';

let root: string;
beforeEach(async () => void (root = await mkdtemp(join(tmpdir(), 'uploader-'))));
afterEach(() => rm(root, { recursive: true }));

test('a checkpoint that is told twice is uploaded once', async () => {
  const from = join(root, 'step-3');
  await mkdir(from);
  await writeFile(join(from, 'state.json'), 'not JSON');
  const silent = () => vi.fn<(fields: object, message: string) => void>();
  const log = { info: silent(), warn: silent(), error: silent() };
  const folder = join(root, 'uploads');
  const uploader = new CheckpointUploader({
    objects: await FolderStore.open(join(root, 'store')),
    log,
    claim: { jobId: 'ftjob-1', attempt: 1 },
    objective: declarationOf({ type: 'supervised' }),
    folder,
    signal: new AbortController().signal,
    storeWait: { waits: () => {}, goesOn: () => {} },
    stored: new Set(),
    onUploaded: () => Promise.resolve([]),
  });
  const checkpoint = { step: 3, best: false, folder: from };
  uploader.add(checkpoint);
  uploader.add(checkpoint);
  await uploader.finish();
  // Each upload tells that the state cannot be read.
  expect(log.error).toHaveBeenCalledOnce();
  expect(log.warn).not.toHaveBeenCalled();
  expect(await readdir(folder)).toEqual([]);
});
