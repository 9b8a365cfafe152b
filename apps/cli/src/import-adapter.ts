/** Adapters of this disk, sent to the server. */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { create } from 'tar';
import { ADAPTER_FILES } from '#adapters/adapter.js';
import { LowrankError } from '#base/errors.js';
import type { LowrankClient } from '#client/client.js';
import type { AdapterObject } from '#contracts/http/adapters.js';
import { blobOf } from './upload-file.js';

type ImportOptions = NonNullable<Parameters<LowrankClient['adapters']['import']>[2]>;

/**
 * Imports a PEFT folder, an archive of one, or a .safetensors of kohya's form.
 *
 * Throws `file_unreadable`, `adapter_incomplete` for a folder without an adapter, and ApiError with what is wrong in it.
 */
export async function importAdapter(
  client: LowrankClient,
  path: string,
  options: ImportOptions = {},
): Promise<AdapterObject> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) return client.adapters.import(await blobOf(path), basename(path), options);
  const names = (await readdir(path)).filter((name) => Object.values<string>(ADAPTER_FILES).includes(name));
  if (!names.includes(ADAPTER_FILES.config)) {
    throw new LowrankError(
      'adapter_incomplete',
      `${path} has no ${ADAPTER_FILES.config}: give the folder that PEFT's save_pretrained wrote, an archive of it, or a .safetensors of kohya's form`,
      { details: { path } },
    );
  }
  const folder = await mkdtemp(join(tmpdir(), 'lowrank-import-'));
  try {
    const file = join(folder, 'adapter.tar');
    await create({ file, cwd: path, portable: true, follow: true }, names.toSorted());
    return await client.adapters.import(await blobOf(file), 'adapter.tar', options);
  } finally {
    await rm(folder, { recursive: true });
  }
}
