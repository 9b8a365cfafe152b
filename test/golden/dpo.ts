/** A golden preference training: five DPO steps from the same adapter on the same pairs, the base as the reference. */
import { join } from 'node:path';
import { flattenModules } from '#adapters/flat-factors.js';
import { readAdapter } from '#adapters/read-adapter.js';
import type { Block } from '#data/packing.js';
import { createLoraModel } from '#lora/lora-model.js';
import { frozenWeights } from '#models/frozen-weights.js';
import { openModelFolder } from '#models/model-folder.js';
import { viewOf } from '#nn/flat-state.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { adamWScalars } from '#training/adamw.js';
import { dpo } from '#training/objectives/dpo.js';
import type { BlockSource } from '#training/objectives/objective.js';
import { stepPrograms } from '#training/step-programs.js';
import { absoluteError, tolerances } from '../tolerances.js';
import { ErrorMeter, type GoldenResult, type GoldenTensor, readJson, readTensors } from './golden-case.js';

interface DpoCase {
  readonly family: string;
  readonly beta: number;
  readonly lr: number;
  readonly weight_decay: number;
  readonly steps: readonly {
    readonly loss: number;
    readonly accuracy: number;
    readonly margin: number;
    readonly reward_chosen: number;
    readonly reward_rejected: number;
  }[];
}

/** Pair number `row` as a block: the chosen answer with its prompt, then the rejected one. */
function blockOf(batch: ReadonlyMap<string, GoldenTensor>, step: number, row: number): Block {
  const part = (name: string) => {
    const { shape, values } = batch.get(`${step}.${name}`)!;
    const length = shape[1]!;
    return Array.from(values.subarray(row * length, (row + 1) * length));
  };
  const [chosen, rejected, mask] = [
    part('chosen.input_ids'),
    part('rejected.input_ids'),
    part('completion_mask'),
  ];
  return {
    tokens: Int32Array.from([...chosen, ...rejected]),
    segments: Int32Array.from([...chosen.map(() => 1), ...rejected.map(() => 2)]),
    trained: Uint8Array.from([...mask, ...mask]),
  };
}

/** Runs the case. Throws UnsupportedError for an architecture that is not done. */
export async function runDpoCase(folder: string, familiesFolder: string): Promise<GoldenResult> {
  const golden = readJson(folder, 'case.json') as DpoCase;
  const base = await openModelFolder(join(familiesFolder, golden.family));
  const start = await readAdapter(join(folder, 'init'), { model: base.tree });
  const modules = [...start.modules.values()];
  const model = createLoraModel(base.config, modules, 0);
  const batches = await readTensors(join(folder, 'batches.safetensors'));
  const [pairs, answerLength] = batches.get('0.chosen.input_ids')!.shape as [number, number];
  const shape = { batch: pairs, length: 2 * answerLength, chunkSize: 8 };
  const objective = dpo({ type: 'dpo', beta: golden.beta, reference: 'base' });
  const { reference } = objective;
  const optimizer = {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: golden.weight_decay,
    maxGradNorm: null,
  };
  const programs = stepPrograms({ model, objective, shape }, frozenWeights(base.parameters), optimizer);
  const parameters = flattenModules(modules);
  const zeros = () => new Float32Array(parameters.length);
  const runner = new CompiledRunner(
    Object.fromEntries(
      Object.entries(programs).map(([name, { program, spec }]) => {
        const options = { device: 'cpu', recomputedSegments: 0 } as const;
        return [name, { key: name, compile: () => compileProgram(program, spec, options) }];
      }),
    ),
    { parameters, moment1: zeros(), moment2: zeros(), accumulator: zeros() },
    { device: 'cpu', threads: 2, spin: false, cacheFolder: undefined },
  );
  const meter = new ErrorMeter();
  const rows = Array.from({ length: pairs }, (_, row) => row);
  const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, x) => sum + x, 0) / pairs;
  for (const [i, expected] of golden.steps.entries()) {
    const source: BlockSource = {
      blockCount: pairs,
      blockLength: shape.length,
      readBlock: (row) => blockOf(batches, i, row),
    };
    const { values } = await runner.run('reference', { data: reference!.inputs(source, rows, shape) });
    const kept = rows.map((row) => reference!.valuesOf(values as Float32Array, row, shape));
    for (const [side, name] of ['chosen', 'rejected'].entries()) {
      const known = batches.get(`${i}.${name}.ref_logps`)!.values;
      const ours = kept.map((of) => of[side]!);
      meter.record(`reference of ${name} of step ${i}`, absoluteError(ours, known), tolerances.logits);
    }
    const batch = objective.readBatch({ ...source, referenceOf: (row) => kept[row]! }, rows, shape);
    const scalars = { ...adamWScalars(optimizer, golden.lr, i + 1) };
    const out = await runner.run('train', { data: batch.inputs(batch.count), scalars });
    const known = {
      loss: expected.loss,
      accuracy: expected.accuracy,
      margin: expected.margin,
      rewards_chosen: expected.reward_chosen,
      rewards_rejected: expected.reward_rejected,
      logps_chosen: mean(batches.get(`${i}.chosen.logps`)!.values),
      logps_rejected: mean(batches.get(`${i}.rejected.logps`)!.values),
    };
    for (const [name, value] of Object.entries(known))
      meter.record(`${name} of step ${i}`, Math.abs(out[name]![0]! - value), tolerances.loss);
  }
  const flat = runner.readState('parameters');
  const final = await readTensors(join(folder, 'final', 'adapter_model.safetensors'));
  for (const entry of model.layout.entries) {
    const { values } = final.get(`base_model.model.${entry.name}`)!;
    meter.record(
      `trained ${entry.name}`,
      absoluteError(viewOf(flat, entry), values),
      tolerances.trainedWeights,
    );
  }
  await runner.close();
  return meter.result;
}
