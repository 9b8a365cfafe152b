/** Brings the adapter of a finished run to the object store. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { classesOfAdapter } from '#adapters/adapter-classes.js';
import { LowrankError } from '#base/errors.js';
import { isPlainName } from '#base/plain-path.js';
import type { Claim } from '#jobs/claims.js';
import type { TrainedAdapter } from '#jobs/endings.js';
import type { ObjectStore } from '#platform/objects/object-store.js';
import type { TrainingSummary } from '#training/events.js';
import { type StoreWait, uploadFolder, whenStoreAnswers } from './transfer.js';

const configFile = 'adapter_config.json';
const weightFile = 'adapter_model.safetensors';

/** Throws LowrankError `adapter_corrupt` if what was stored is not what the trainer wrote. */
export async function uploadAdapter(
  objects: ObjectStore,
  { jobId, attempt }: Claim,
  { adapter_folder: folder, adapter_sha256: sha256 }: TrainingSummary,
  signal: AbortSignal,
  storeWait: StoreWait,
): Promise<TrainedAdapter> {
  const names = (await readdir(folder)).filter(isPlainName).sort();
  const config = JSON.parse(await readFile(join(folder, configFile), 'utf8')) as Record<string, unknown>;
  const files = await whenStoreAnswers(
    () => uploadFolder(objects, folder, names, `jobs/${jobId}/attempts/${attempt}/adapter`, signal),
    signal,
    storeWait,
  );
  const stored = files.find(({ path }) => path === weightFile)?.sha256;
  if (stored !== sha256) {
    throw new LowrankError(
      'adapter_corrupt',
      `the adapter of job ${jobId} changed between training and upload`,
    );
  }
  const classes = (await classesOfAdapter(folder)) ?? null;
  return { config, classes, files, sha256 };
}
