/** Asks the reference of an objective about every block, once before the first step. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { BlockStore } from '#data/block-store.js';
import { canonicalJson } from '#runtime/graph-cache.js';
import type { Runner } from '#runtime/runner.js';
import type { TrainingEvent } from '#training/events.js';
import type { BlockSource, Reference } from '#training/objectives/objective.js';
import { ReferenceFile } from '#training/reference-file.js';
import type { RunIdentity } from '#training/run-state.js';
import type { StepShape } from '#training/step-shape.js';

export interface ReferencePass {
  readonly reference: Reference;
  readonly shape: StepShape;
  /** Where prepared data are kept. */
  readonly folder: string;
  /** What the run is made of. */
  readonly identity: RunIdentity;
  /** Whether the reference is the adapter that training starts from. */
  readonly refersToAdapter: boolean;
  readonly device: string;
  /** Digest of how the base's weights are rounded; undefined where they are as stored. */
  readonly precision: string | undefined;
  /** What is taken out of the base's weights by the adapter, which is off unless it is referred to. */
  readonly frozen: Float32Array;
  /** Opens what runs the step `reference`; called only if something is to be computed, and closed. */
  readonly openRunner: () => Promise<Runner>;
  readonly onEvent: (event: TrainingEvent) => void;
}

/** Blocks with what the reference says of them. */
export interface ReferredBlocks extends BlockSource {
  /** SHA-256 of what the reference says. */
  readonly referenceDigest: string;
  readonly close: () => void;
}

/**
 * The blocks of each data set with what the reference says of them: kept ones are read, others are computed and kept.
 * Throws LowrankError `disk_full`, and the signal's reason, after which what was computed is kept.
 */
export async function referToAll(
  stores: readonly BlockStore[],
  pass: ReferencePass,
  signal?: AbortSignal,
): Promise<ReferredBlocks[]> {
  const { reference, folder } = pass;
  const files = stores.map((store) =>
    ReferenceFile.open(join(folder, `${nameOf(store, pass)}.reference`), {
      blockCount: store.blockCount,
      valuesPerBlock: reference.valuesPerBlock(store.blockLength),
    }),
  );
  try {
    await compute(stores, files, pass, signal);
    return stores.map((store, i) => ({
      blockCount: store.blockCount,
      blockLength: store.blockLength,
      readBlock: (index) => store.readBlock(index),
      referenceOf: (index) => files[i]!.of(index),
      referenceDigest: files[i]!.digest(),
      close: () => files[i]!.close(),
    }));
  } catch (error) {
    for (const file of files) file.close();
    throw error;
  }
}

async function compute(
  stores: readonly BlockStore[],
  files: readonly ReferenceFile[],
  { reference, shape, frozen, openRunner, onEvent }: ReferencePass,
  signal: AbortSignal | undefined,
): Promise<void> {
  const missing = files.map((file) => file.missing());
  const total = missing.reduce((sum, { length }) => sum + length, 0);
  if (total === 0) return;
  const runner = await openRunner();
  try {
    let done = 0;
    for (const [i, indices] of missing.entries()) {
      for (const [first, wanted] of byBatch(indices, shape.batch)) {
        onEvent({ type: 'progress', stage: 'reference', done, total });
        await setImmediate();
        signal?.throwIfAborted();
        const size = Math.min(shape.batch, stores[i]!.blockCount - first);
        const batch = Array.from({ length: size }, (_, order) => first + order);
        const data = {
          ...reference.inputs(stores[i]!, batch, shape),
          ...(frozen.length > 0 ? { frozen } : {}),
        };
        const { values } = await runner.run('reference', { data });
        const own = (order: number) => reference.valuesOf(values as Float32Array, order, shape);
        await files[i]!.write(new Map(wanted.map((index) => [index, own(index - first)])));
        done += wanted.length;
      }
    }
    onEvent({ type: 'progress', stage: 'reference', done, total });
  } finally {
    await runner.close();
  }
}

/**
 * Blocks by the first one of the batch that they are in when nothing is known yet: what is said of a block depends, in its
 * last bits, on its place in a batch and on what is beside it.
 */
function byBatch(indices: readonly number[], batch: number): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (const index of indices) {
    const first = index - (index % batch);
    groups.set(first, [...(groups.get(first) ?? []), index]);
  }
  return groups;
}

/** Names what is kept by everything that its numbers depend on. */
function nameOf(
  store: BlockStore,
  { identity, refersToAdapter, device, precision, shape }: ReferencePass,
): string {
  const { engine, base, init_adapter, lora } = identity;
  const model = refersToAdapter ? { init_adapter, lora } : null;
  const inputs = { engine, base, model, device, precision, shape, blocks: store.contentDigest };
  return createHash('sha256').update(canonicalJson(inputs)).digest('hex');
}
