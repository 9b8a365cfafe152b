/** How fast a machine trains, measured on small steps of the widths that models have. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { causalModel } from '#models/abilities.js';
import { countWork } from '#training/speed/count-work.js';
import { type LlamaSizes, writeRandomBase } from '#training/speed/random-base.js';
import type { MachineSpeed, SpeedPoint } from '#training/speed/speed-points.js';
import { openTimedStep } from '#training/speed/timed-step.js';
import { openWorkUnit } from '#training/speed/work-unit.js';

const layers = 2;
const vocabulary = 2048;
const targets = ['q_proj', 'v_proj'];
/** From a model for a demonstration to those of a billion parameters; short blocks and usual ones. */
const widths = [128, 384, 1024];
const blocks = [
  { batch: 1, length: 64 },
  { batch: 2, length: 256 },
];
/** A step that is over sooner is repeated, for at most so long. */
const repeatMs = 150;

const sizesOf = (width: number): LlamaSizes => ({
  hidden_size: width,
  intermediate_size: 3 * width,
  num_attention_heads: width / 64,
  num_key_value_heads: width / 64,
  num_hidden_layers: layers,
  vocab_size: vocabulary,
});

/**
 * Measures steps on the processor; takes some seconds, and some hundred megabytes in `scratchFolder`, which it removes.
 *
 * The best of the repetitions counts: other programs of the machine only make a step slower.
 */
export async function measureMachine(options: {
  readonly scratchFolder: string;
  readonly threads: number;
}): Promise<MachineSpeed> {
  await mkdir(options.scratchFolder, { recursive: true });
  const folder = await mkdtemp(join(options.scratchFolder, 'speed-'));
  try {
    const points: SpeedPoint[] = [];
    const compileMs: number[] = [];
    const spent = { wallMs: 0, processorMs: 0 };
    for (const width of widths) {
      const base = join(folder, String(width));
      await writeRandomBase(base, sizesOf(width));
      for (const sizes of blocks) {
        const unit = await openWorkUnit(base, { ...sizes, lossShare: 1, targets });
        const step = await openTimedStep(unit, {
          threads: options.threads,
          spin: true,
          recomputedSegments: 0,
        });
        compileMs.push(step.traceMs);
        const { attentions, config, parameterCount } = causalModel(unit.base.tree);
        const operations = countWork({
          ...config,
          attentions,
          parameterCount,
          trainableParameters: unit.parameters.length,
          blockLength: sizes.length,
          batchSize: sizes.batch,
          accumulation: 1,
        }).step;
        const seconds = (await bestOf(step.run, spent)) / 1000;
        await step.close();
        points.push({ width, rows: sizes.batch * sizes.length, operationsPerSecond: operations / seconds });
      }
    }
    // The first one also loads the tracer.
    return {
      points,
      compileSecondsPerLayer: Math.min(...compileMs) / 1000 / layers,
      processorShare: spent.processorMs / (options.threads * spent.wallMs),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Milliseconds of the fastest run; all of them are added to `spent`. */
async function bestOf(
  run: () => Promise<void>,
  spent: { wallMs: number; processorMs: number },
): Promise<number> {
  let best = Infinity;
  const begin = performance.now();
  const before = process.cpuUsage();
  do {
    const start = performance.now();
    await run();
    best = Math.min(best, performance.now() - start);
  } while (performance.now() - begin < repeatMs);
  spent.wallMs += performance.now() - begin;
  const { user, system } = process.cpuUsage(before);
  spent.processorMs += (user + system) / 1000;
  return best;
}
