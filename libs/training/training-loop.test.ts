import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BlockStore } from '#data/block-store.js';
import type { NumericArray } from '#runtime/numeric-array.js';
import type { Runner } from '#runtime/runner.js';
import type { ChosenOptions } from '#training/chosen-options.js';
import { CancelRequest } from '#training/cancellation.js';
import { MemoryMeter } from '#training/memory-meter.js';
import { MetricsLog, readMetrics } from '#training/metrics-log.js';
import { nextToken } from '#training/objectives/next-token.js';
import { parseTrainingOptions } from '#training/options.js';
import { type RunProgress, startOfRun } from '#training/run-state.js';
import { StepEngine } from '#training/step-engine.js';
import { TrainingLoop } from '#training/training-loop.js';

const steps = 8;
const accumulation = 2;

/** Two blocks of four tokens that differ in their first. */
const store = {
  blockCount: 2,
  blockLength: 4,
  readBlock: (index: number) => ({
    tokens: Int32Array.of(index, 6, 7, 8),
    segments: Int32Array.of(1, 1, 1, 1),
    trained: Uint8Array.of(0, 1, 1, 1),
  }),
} as unknown as BlockStore;

const chosen: ChosenOptions = {
  learning_rate: 1,
  warmup_steps: 0,
  n_epochs: 1,
  max_steps: steps,
  batch_size: 1,
  block_length: 4,
  eval_steps: 4,
  sample_steps: null,
  checkpoint_steps: 100,
  load_best_model_at_end: true,
  recompute: 0,
  memory_limit_bytes: 1e9,
  threads: 1,
};

/** Counts runs; the loss of step s is 1 / s and of the evaluation after it as `evaluations` says. */
class FakeRunner implements Runner {
  readonly runs: string[] = [];
  onRun: (program: string) => void = () => undefined;
  losses: (program: string) => number = () => 0.5;

  prepare = () => Promise.resolve();
  readState = () => new Float32Array(1);
  writeState = () => undefined;
  close = () => Promise.resolve();

  run(program: string): Promise<Record<string, NumericArray>> {
    this.runs.push(program);
    this.onRun(program);
    const loss = Float32Array.of(this.losses(program));
    return Promise.resolve({ loss, accuracy: Float32Array.of(0.5), gradNorm: Float32Array.of(1) });
  }
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'training-loop-'));
});
afterEach(() => rm(folder, { recursive: true }));

interface Attempt {
  readonly runner?: FakeRunner;
  readonly progress?: RunProgress;
  readonly signal?: AbortSignal;
  readonly metrics?: string;
}

/** Runs the loop; yields how it ended and the checkpoints it wrote. */
async function attempt({ runner = new FakeRunner(), progress = startOfRun, signal, metrics = 'm' }: Attempt) {
  const checkpoints: RunProgress[] = [];
  const log = await MetricsLog.open(join(folder, metrics), () => true);
  const samplesLog = await MetricsLog.open(join(folder, 'samples'), () => true);
  const shape = { batch: 1, length: 4, chunkSize: 4 };
  const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradNorm: null };
  const loop = new TrainingLoop(
    {
      objective: nextToken,
      shape,
      engine: new StepEngine(runner, { objective: nextToken, optimizer, seed: 1, dropoutSites: [] }),
      training: store,
      validation: store,
      options: parseTrainingOptions({ gradient_accumulation_steps: accumulation }),
      chosen,
      metrics: log,
      samplesLog,
      sampleWriter: undefined,
      meter: new MemoryMeter(0),
      writeCheckpoint: (state) => {
        checkpoints.push(state);
        return Promise.resolve('folder');
      },
      onEvent: () => undefined,
      takeCheckpointRequest: () => false,
    },
    progress,
  );
  const end = await loop.run(signal).catch((error: unknown) => error);
  await log.close();
  await samplesLog.close();
  return { end, checkpoints };
}

async function linesOf(metrics: string): Promise<string[]> {
  return (await readMetrics(join(folder, metrics))).map(
    ({ type, step }) => `${String(type)} ${String(step)}`,
  );
}

/** A signal that is aborted in the nth run of a step function, and the runner that does it. */
function abortedAt(program: string, nth: number, keepsCheckpoint: boolean) {
  const runner = new FakeRunner();
  const controller = new AbortController();
  runner.onRun = () => {
    const count = runner.runs.filter((name) => name === program).length;
    if (count === nth && runner.runs.at(-1) === program) controller.abort(new CancelRequest(keepsCheckpoint));
  };
  return { runner, signal: controller.signal };
}

test('steps and evaluations come in their order, each once', async () => {
  const { end } = await attempt({});
  expect(end).toMatchObject({ step: steps, micro_step: steps * accumulation, evaluated_step: steps });
  const expected = Array.from({ length: steps }, (_, i) => `step ${i + 1}`);
  expect(await linesOf('m')).toEqual(
    ['evaluation 0', ...expected].toSpliced(5, 0, 'evaluation 4').concat('evaluation 8'),
  );
});

test('an evaluation that is the best writes a checkpoint, and the last step does', async () => {
  const runner = new FakeRunner();
  // Two batches an evaluation: at the start, better after step 4, worse after step 8.
  const evaluations = [0.9, 0.9, 0.3, 0.3, 0.6, 0.6];
  runner.losses = (program) => (program === 'evaluate' ? evaluations.shift()! : 0.5);
  const { end, checkpoints } = await attempt({ runner });
  expect(checkpoints.map(({ step }) => step)).toEqual([4, 8]);
  expect(end).toMatchObject({
    best: { step: 4 },
    first_evaluation: { step: 0 },
    last_evaluation: { best: false },
  });
});

describe('a run that is cancelled', () => {
  test('in the middle of a step keeps the steps before it', async () => {
    const { end, checkpoints } = await attempt(abortedAt('accumulate', 5, true));
    expect(end).toBeInstanceOf(CancelRequest);
    expect(checkpoints).toMatchObject([{ step: 2, micro_step: 4 }]);
  });

  test('in the middle of an evaluation repeats that evaluation and no other when it goes on', async () => {
    await attempt({ metrics: 'whole' });
    const { checkpoints } = await attempt(abortedAt('evaluate', 3, true));
    expect(checkpoints).toMatchObject([{ step: 4, evaluated_step: 0 }]);
    const { end } = await attempt({ progress: checkpoints[0] });
    expect(end).toMatchObject({ step: steps });
    expect(await linesOf('m')).toEqual(await linesOf('whole'));
  });

  test('without keeping a checkpoint writes none', async () => {
    expect((await attempt(abortedAt('optimizerStep', 2, false))).checkpoints).toEqual([]);
  });
});

test('a loss that is not finite before anything was learned is laid to the weights', async () => {
  const runner = new FakeRunner();
  const run = runner.run.bind(runner);
  runner.run = async (name) => {
    const results = await run(name);
    if ('loss' in results) results['loss'] = Float32Array.of(Number.NaN);
    return results;
  };
  const { end } = await attempt({ runner });
  const message = expect.stringMatching(/weights of the base model.*Download the model again/) as unknown;
  expect(end).toMatchObject({ code: 'loss_not_finite', message });
});

test.each([
  ['loss', 'accumulate'],
  ['gradient', 'optimizerStep'],
])('a %s that is not finite ends the run at its step', async (what, program) => {
  const runner = new FakeRunner();
  const isThirdStep = () => runner.runs.filter((name) => name === 'optimizerStep').length >= 2;
  const run = runner.run.bind(runner);
  runner.run = async (name) => {
    const broken = name === program && isThirdStep();
    const results = await run(name);
    if (broken) results[what === 'loss' ? 'loss' : 'gradNorm'] = Float32Array.of(Number.NaN);
    return results;
  };
  const { end } = await attempt({ runner });
  expect(end).toMatchObject({
    code: `${what}_not_finite`,
    message: expect.stringContaining('step 3') as unknown,
  });
  expect(await linesOf('m')).toEqual(['evaluation 0', 'step 1', 'step 2']);
});
