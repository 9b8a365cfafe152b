/** A unit of work to measure: one LoRA step (r = 8, on q and v unless others are asked for) over random tokens. */
import type { Batch } from '#data/batch.js';
import { bitsAt, streamKey, uniformAt } from '#jit/random.js';
import { initialiseAdapter } from '#adapters/initialise.js';
import { flattenModules } from '#adapters/flat-factors.js';
import { parseLoraConfig } from '#lora/config.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import { causalModel } from '#models/abilities.js';
import { startOn } from '#adapters/base-layers.js';
import { type ModelFolder, openModelFolder } from '#models/model-folder.js';
import type { AdamWOptions } from '#training/adamw.js';
import { chooseChunkSize } from '#training/loss-chunk.js';
import { nextToken } from '#training/objectives/next-token.js';
import type { StepSource } from '#training/step-programs.js';

export const lora = { r: 8, lora_alpha: 16 };

export interface WorkUnitSizes {
  /** Blocks, and tokens of a block. */
  readonly batch: number;
  readonly length: number;
  /** Share of the positions that have a target. */
  readonly lossShare: number;
  /** The ends of the names of the layers that the adapter changes. */
  readonly targets: readonly string[];
}

const optimizer: AdamWOptions = {
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
  maxGradNorm: 1,
};

export interface WorkUnit {
  readonly base: ModelFolder;
  readonly source: StepSource;
  readonly batch: Batch;
  /** Rounds that the loss head's loop makes. */
  readonly rounds: number;
  readonly parameters: Float32Array;
}

/** Random tokens, the first positions with a target until the share is reached. */
function randomBatch({ batch, length, lossShare }: WorkUnitSizes, vocabulary: number): Batch {
  const rows = batch * length;
  const key = streamKey(0, 0, 'tokens');
  const tokens = Int32Array.from(
    { length: rows },
    (_, i) => 5 + (bitsAt(key, i) % (Math.min(40_000, vocabulary) - 5)),
  );
  const wanted = Math.max(1, Math.floor(batch * (length - 1) * lossShare));
  const lossRows = Int32Array.from({ length: rows }, (_, i) => i)
    .filter((i) => (i + 1) % length !== 0)
    .slice(0, wanted);
  return {
    tokens,
    positions: tokens.map((_, i) => i % length),
    segments: new Int32Array(rows).fill(1),
    lossRows,
    lossTargets: lossRows.map((row) => tokens[row + 1]!),
    lossCount: lossRows.length,
  };
}

/** The work unit on a model's folder. */
export async function openWorkUnit(folder: string, sizes: WorkUnitSizes): Promise<WorkUnit> {
  const base = await openModelFolder(folder);
  const { modules } = resolveTargetModules(
    base.tree,
    parseLoraConfig({ ...lora, target_modules: sizes.targets }),
  );
  const batch = randomBatch(sizes, causalModel(base.tree).config.vocabSize);
  const rows = sizes.batch * sizes.length;
  const chunkSize = chooseChunkSize(rows, batch.lossCount, causalModel(base.tree).config.vocabSize);
  const random = { uniform: (site: string, index: number) => uniformAt(streamKey(0, 0, site), index) };
  const start = { init: true, random, ...startOn(base) };
  return {
    base,
    source: {
      base,
      modules,
      dropout: 0,
      objective: nextToken,
      optimizer,
      shape: { batch: sizes.batch, length: sizes.length, chunkSize },
    },
    batch,
    rounds: Math.ceil(batch.lossCount / chunkSize),
    parameters: flattenModules(await initialiseAdapter(modules, start)),
  };
}
