/** From which checkpoint an attempt goes on: the newest of this machine and the object store that is whole. */
import { join } from 'node:path';
import { rm } from 'node:fs/promises';
import { LowrankError } from '#base/errors.js';
import type { Log } from '#jobs/parts.js';
import type { Checkpoint } from '#platform/database/entities/checkpoint.js';
import { downloadFolder } from '#platform/objects/download.js';
import type { ObjectStore } from '#platform/objects/object-store.js';
import { CheckpointStore } from '#training/checkpoint-store.js';
import { type StoreWait, whenStoreAnswers } from './transfer.js';

export interface RestoreParts {
  readonly objects: ObjectStore;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly storeWait: StoreWait;
  /** Told of a checkpoint in the store that cannot be used. */
  readonly onCorrupt: (checkpoint: Checkpoint, error: LowrankError) => Promise<void>;
}

export interface Restored {
  /** The step that training goes on after; 0 for the beginning. */
  readonly step: number;
  readonly from: 'nothing' | 'work folder' | 'object store';
}

/**
 * Puts the newest whole checkpoint into the output folder, unless one that is as new lies there already; with it the
 * best one, which may become the result. `stored` are the job's checkpoints, newest first.
 */
export async function restoreCheckpoint(
  outputFolder: string,
  stored: readonly Checkpoint[],
  parts: RestoreParts,
): Promise<Restored> {
  const local = new CheckpointStore(join(outputFolder, 'checkpoints'));
  const damaged: LowrankError[] = [];
  const newest = await local.newest((error) => damaged.push(error));
  for (const error of damaged) await removeDamaged(error, parts.log);
  const localStep = newest?.state.progress.step ?? 0;
  let restored: Restored = { step: localStep, from: newest ? 'work folder' : 'nothing' };
  for (const checkpoint of stored) {
    if (checkpoint.step <= localStep) break;
    if (!(await fetchCheckpoint(local, checkpoint, parts))) continue;
    restored = { step: checkpoint.step, from: 'object store' };
    break;
  }
  const best = stored.find((checkpoint) => checkpoint.best && checkpoint.step < restored.step);
  if (best && !(await local.steps()).includes(best.step)) await fetchCheckpoint(local, best, parts);
  return restored;
}

/** A damaged checkpoint must not be in the way of a whole one of the same step. */
async function removeDamaged(error: LowrankError, log: Log): Promise<void> {
  log.warn({ err: error }, 'a damaged checkpoint is removed');
  const { folder } = error.details;
  if (typeof folder === 'string') await rm(folder, { recursive: true, force: true });
}

async function fetchCheckpoint(
  local: CheckpointStore,
  checkpoint: Checkpoint,
  { objects, log, signal, storeWait, onCorrupt }: RestoreParts,
): Promise<boolean> {
  const { step, files } = checkpoint;
  try {
    await whenStoreAnswers(
      () => downloadFolder(objects, files, local.folderOf(step), signal),
      signal,
      storeWait,
    );
    return true;
  } catch (error) {
    const isCorrupt =
      error instanceof LowrankError && ['object_corrupt', 'object_missing'].includes(error.code);
    if (!isCorrupt) throw error;
    log.warn({ err: error, step }, 'a checkpoint in the object store cannot be used');
    await onCorrupt(checkpoint, error);
    return false;
  }
}
