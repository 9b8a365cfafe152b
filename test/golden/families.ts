/** Golden model families: logits, logits under left padding, greedy tokens. */
import { join } from 'node:path';
import { headLogits } from '#jit/ops/loss-head.js';
import { gather, type Tensor } from '#jit/ops.js';
import type { Program, ProgramSpec } from '#jit/trace.js';
import { causalModel } from '#models/abilities.js';
import type { Decoder } from '#models/decoder.js';
import { buildModel } from '#models/families/registry.js';
import { type ModelFolder, openModelFolder } from '#models/model-folder.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { frozenWeights } from '#models/frozen-weights.js';
import { absoluteError, tolerances } from '../tolerances.js';
import { classLogits } from './class-logits.js';
import {
  ErrorMeter,
  GoldenMismatch,
  type GoldenResult,
  type GoldenTensor,
  readTensors,
} from './golden-case.js';

function logitsProgram(decoder: Decoder): Program {
  return ({ data, weights }) => {
    decoder.bindParameters(({ name }) => weights[name]!);
    const hidden = decoder.forward({
      tokens: data['tokens']!,
      positions: data['positions']!,
      segments: data['segments']!,
    });
    const rows: Tensor = gather(hidden, data['rows']!);
    return { outputs: { logits: headLogits(rows, decoder.logitsHead) }, state: {} };
  };
}

class LogitsRunner {
  private readonly runner: CompiledRunner;

  constructor(
    model: ModelFolder,
    private readonly batch: number,
    private readonly length: number,
  ) {
    const rows = batch * length;
    const spec: ProgramSpec = {
      data: {
        tokens: { shape: [rows], dtype: 'int32' },
        positions: { shape: [rows], dtype: 'int32' },
        segments: { shape: [batch, length], dtype: 'int32' },
        rows: { shape: [rows], dtype: 'int32' },
      },
      scalars: [],
      state: {},
      weights: frozenWeights(model.parameters),
    };
    const compile = () =>
      compileProgram(logitsProgram(causalModel(buildModel(model.config))), spec, {
        device: 'cpu',
        recomputedSegments: 0,
      });
    const options = { device: 'cpu', threads: 2, spin: false, cacheFolder: undefined } as const;
    this.runner = new CompiledRunner({ logits: { key: 'logits', compile } }, {}, options);
  }

  /** Logits [rows, vocabulary] of tokens; padding (mask 0) is a segment of its own. */
  async run(
    tokens: ArrayLike<number>,
    mask?: ArrayLike<number>,
    positions?: ArrayLike<number>,
  ): Promise<Float32Array> {
    const rows = this.batch * this.length;
    const { logits } = await this.runner.run('logits', {
      data: {
        tokens: Int32Array.from(tokens),
        positions: positions
          ? Int32Array.from(positions)
          : Int32Array.from({ length: rows }, (_, i) => i % this.length),
        segments: mask ? Int32Array.from(mask) : new Int32Array(rows).fill(1),
        rows: Int32Array.from({ length: rows }, (_, i) => i),
      },
    });
    return logits as Float32Array;
  }

  close(): Promise<void> {
    return this.runner.close();
  }
}

/** The logits of rows whose mask is 1. */
function visible(logits: ArrayLike<number>, mask: ArrayLike<number>, vocabulary: number): Float32Array {
  return Float32Array.from(logits).filter((_, i) => mask[Math.floor(i / vocabulary)] === 1);
}

async function checkGreedy(model: ModelFolder, prompt: GoldenTensor, expected: GoldenTensor): Promise<void> {
  const total = expected.shape[1]!;
  const runner = new LogitsRunner(model, 1, total);
  const tokens = new Int32Array(total);
  const given = total - 10;
  tokens.set(prompt.values.subarray(0, given));
  const { vocabSize } = causalModel(model.tree).config;
  for (let i = given; i < total; i++) {
    // Tokens behind a position do not reach it: the rest of the block may hold anything.
    const row = (await runner.run(tokens)).subarray((i - 1) * vocabSize, i * vocabSize);
    tokens[i] = row.indexOf(Math.max(...row));
  }
  await runner.close();
  if (tokens.join() !== expected.values.join()) {
    throw new GoldenMismatch(`greedy tokens are ${tokens.join()}, expected ${expected.values.join()}`);
  }
}

/** Runs a family's case from its folder. Throws UnsupportedError for an architecture that is not done. */
export async function runFamilyCase(folder: string): Promise<GoldenResult> {
  const model = await openModelFolder(folder);
  const golden = await readTensors(join(folder, 'expected.safetensors'));
  const meter = new ErrorMeter();
  if (model.tree.head === 'classify') {
    const logits = await classLogits(model, golden);
    meter.record('logits', absoluteError(logits, golden.get('logits')!.values), tolerances.logits);
    return meter.result;
  }
  const ids = golden.get('input_ids')!;
  const [batch, length] = ids.shape as [number, number];
  const runner = new LogitsRunner(model, batch, length);
  const logits = await runner.run(ids.values, golden.get('attention_mask')?.values);
  meter.record('logits', absoluteError(logits, golden.get('logits')!.values), tolerances.logits);

  const padded = golden.get('padded.input_ids');
  if (padded) {
    const mask = golden.get('padded.attention_mask')!.values;
    const answer = await runner.run(padded.values, mask, golden.get('padded.position_ids')!.values);
    const expected = golden.get('padded.logits')!.values;
    const { vocabSize } = causalModel(model.tree).config;
    const error = absoluteError(visible(answer, mask, vocabSize), visible(expected, mask, vocabSize));
    meter.record('logits under left padding', error, tolerances.logits);
  }
  await runner.close();
  const greedy = golden.get('greedy');
  if (greedy) await checkGreedy(model, ids, greedy);
  return meter.result;
}
