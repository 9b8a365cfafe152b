/** The pretraining loop, apart from the engine that runs its steps. */
import { makeBatch, type Batch } from '#data/batch.js';
import type { Block } from '#data/packing.js';
import { pretrainingBlocks } from './blocks.js';
import { learningRateAt, type PretrainingRecipe } from './recipe.js';

/** A model with all weights trainable: what the engine has to offer to the loop. */
export interface PretrainingEngine {
  /** One AdamW step; yields the mean loss per predicted token of the batch, in nats. */
  trainStep(batch: Batch, learningRate: number): Promise<number>;
  /** The mean loss per predicted token of all batches together, with the weights as they are. */
  evaluate(batches: readonly Batch[]): Promise<number>;
}

/** Mean losses in nats per token: of the steps since the last reading, and of passages kept out of training. */
export interface LossReading {
  /** Steps done. */
  readonly step: number;
  readonly trainingLoss: number;
  readonly heldOutLoss: number;
}

export interface PretrainingData {
  /** Token ids of each passage, `<s>` and `</s>` included. */
  readonly training: readonly (readonly number[])[];
  readonly heldOut: readonly (readonly number[])[];
}

function take(blocks: Iterator<Block, never>, count: number): Batch {
  return makeBatch(Array.from({ length: count }, () => blocks.next().value));
}

/** Whole batches of one pass over the passages; what does not fill a last batch is left out. */
function onePass(passages: readonly (readonly number[])[], recipe: PretrainingRecipe): Batch[] {
  const { batchSize, blockLength, seed } = recipe;
  const tokens = passages.reduce((sum, passage) => sum + passage.length, 0);
  const blocks = pretrainingBlocks(passages, { length: blockLength, seed });
  return Array.from({ length: Math.floor(tokens / (blockLength * batchSize)) }, () =>
    take(blocks, batchSize),
  );
}

/** Runs the recipe's steps; a reading is taken and reported every `readingEvery` steps and after the last one. */
export async function runPretraining(
  engine: PretrainingEngine,
  recipe: PretrainingRecipe,
  data: PretrainingData,
  { readingEvery, onReading }: { readingEvery: number; onReading: (reading: LossReading) => void },
): Promise<LossReading[]> {
  const blocks = pretrainingBlocks(data.training, { length: recipe.blockLength, seed: recipe.seed });
  const heldOut = onePass(data.heldOut, recipe);
  const readings: LossReading[] = [];
  let losses: number[] = [];
  for (let step = 0; step < recipe.steps; step += 1) {
    losses.push(await engine.trainStep(take(blocks, recipe.batchSize), learningRateAt(recipe, step)));
    const isLast = step + 1 === recipe.steps;
    if (!isLast && (step + 1) % readingEvery !== 0) continue;
    const reading: LossReading = {
      step: step + 1,
      trainingLoss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length,
      heldOutLoss: await engine.evaluate(heldOut),
    };
    readings.push(reading);
    onReading(reading);
    losses = [];
  }
  return readings;
}
