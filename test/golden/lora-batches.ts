/** The batches of a golden training, as the step functions of its objective read them. */
import type { Batch } from '#data/batch.js';
import { headLogits } from '#jit/ops/loss-head.js';
import { gather, type Tensor } from '#jit/ops.js';
import type { ProgramInputs, ProgramSpec } from '#jit/trace.js';
import { causalModel, textClassifier } from '#models/abilities.js';
import type { Model } from '#models/model.js';
import type { NumericArray } from '#runtime/numeric-array.js';
import { classLogits } from '#models/class-logits.js';
import { classLoss, labelSpec } from '#training/objectives/class-loss.js';
import { nextToken } from '#training/objectives/next-token.js';
import type { StepObjective } from '#training/objectives/objective.js';
import { tokenInputs } from '#training/objectives/token-inputs.js';
import type { StepShape } from '#training/step-shape.js';
import { imageBatch, textBatch } from './class-logits.js';
import type { GoldenTensor } from './golden-case.js';

type Data = Readonly<Record<string, NumericArray>>;

/** One micro-batch of a case. */
export interface GoldenBatch {
  /** What the loss is a mean over. */
  readonly count: number;
  /** Its inputs in a step whose micro-batches count `total` together. */
  readonly inputs: (total: number) => Data;
  /** What the logits are made of. */
  readonly logitsInputs: Data;
  /** Those logits that are of no padding. */
  readonly counted: (logits: ArrayLike<number>) => ArrayLike<number>;
}

/** What a training is to the runner of cases. */
export interface GoldenTask {
  readonly objective: StepObjective;
  readonly shape: StepShape;
  readonly batch: (step: number, micro: number) => GoldenBatch;
  readonly logitsSpec: ProgramSpec['data'];
  readonly logits: (model: Model, data: ProgramInputs['data']) => Tensor;
}

/**
 * The batch of a prefix of names, with labels as transformers takes them: -100 = no target, shifted by the model. Each row
 * is one example, unless `segment_ids` packs several into it (0 = padding), whose tokens `position_ids` counts.
 */
function readBatch(tensors: ReadonlyMap<string, GoldenTensor>, prefix: string): Batch {
  const of = (name: string) => tensors.get(`${prefix}.${name}`);
  const ids = of('input_ids')!;
  const labels = of('labels')!;
  const [rows, length] = ids.shape as [number, number];
  const picked = Array.from({ length: rows * length }, (_, i) => i).filter(
    (i) => (i + 1) % length !== 0 && labels.values[i + 1] !== -100,
  );
  return {
    tokens: Int32Array.from(ids.values),
    positions: Int32Array.from(of('position_ids')?.values ?? ids.values.map((_, i) => i % length)),
    segments: Int32Array.from(of('segment_ids')?.values ?? new Int32Array(rows * length).fill(1)),
    lossRows: Int32Array.from(picked),
    lossTargets: Int32Array.from(picked, (i) => labels.values[i + 1]!),
    lossCount: picked.length,
  };
}

function nextTokenTask(batches: ReadonlyMap<string, GoldenTensor>): GoldenTask {
  const [batch, length] = batches.get('0.0.input_ids')!.shape as [number, number];
  const shape = { batch, length, chunkSize: 8 };
  const rows = batch * length;
  const { tokens, positions, segments } = nextToken.dataSpec(shape);
  return {
    objective: nextToken,
    shape,
    batch: (step, micro) => {
      const read = readBatch(batches, `${step}.${micro}`);
      const { tokens, positions, segments } = read;
      return {
        count: read.lossCount,
        inputs: (total) => tokenInputs(read, shape, total),
        logitsInputs: {
          tokens,
          positions,
          segments,
          rows: Int32Array.from({ length: rows }, (_, i) => i),
        },
        counted: (logits) => {
          const width = logits.length / rows;
          return Float32Array.from(logits).filter((_, i) => segments[Math.floor(i / width)] !== 0);
        },
      };
    },
    logitsSpec: {
      tokens: tokens!,
      positions: positions!,
      segments: segments!,
      rows: { shape: [rows], dtype: 'int32' },
    },
    logits: (model, data) => {
      const decoder = causalModel(model);
      const hidden = decoder.forward({
        tokens: data['tokens']!,
        positions: data['positions']!,
        segments: data['segments']!,
      });
      return headLogits(gather(hidden, data['rows']!), decoder.logitsHead);
    },
  };
}

function classificationTask(model: Model, batches: ReadonlyMap<string, GoldenTensor>): GoldenTask {
  const read = (prefix: string) =>
    model.inputs === 'images'
      ? imageBatch(batches, prefix)
      : textBatch(textClassifier(model), batches, prefix);
  const { spec } = read('0.0.');
  const count = batches.get('0.0.labels')!.shape[0]!;
  return {
    objective: { ...classLoss, dataSpec: () => ({ ...spec, ...labelSpec(count) }) },
    shape: { batch: count, length: 1, chunkSize: 1 },
    batch: (step, micro) => {
      const prefix = `${step}.${micro}.`;
      const { data } = read(prefix);
      const labels = Int32Array.from(batches.get(`${prefix}labels`)!.values);
      return {
        count,
        inputs: (total) => ({ ...data, labels, labelWeights: new Float32Array(count).fill(1 / total) }),
        logitsInputs: data,
        counted: (logits) => logits,
      };
    },
    logitsSpec: spec,
    logits: classLogits,
  };
}

/** The training of a case on a model, its batches named STEP.MICRO.name. */
export function goldenTask(model: Model, batches: ReadonlyMap<string, GoldenTensor>): GoldenTask {
  return model.head === 'causal' ? nextTokenTask(batches) : classificationTask(model, batches);
}
