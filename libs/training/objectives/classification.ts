/** Classification of texts: cross entropy over the classes, as a mean over all texts. */
import type { Batch } from '#data/batch.js';
import type { Block } from '#data/packing.js';
import { crossEntropy } from '#jit/ops/loss-head.js';
import type { Tensor } from '#jit/ops.js';
import type { ProgramInputs, ProgramSpec } from '#jit/trace.js';
import type { LoraModel } from '#lora/lora-model.js';
import { classLogits } from '#models/class-logits.js';
import { lastToken, type TextClassifier } from '#models/classifier.js';
import { ClassTally } from '#training/objectives/class-tally.js';
import { classificationDeclaration, textsPerBlock } from '#training/objectives/declared/classification.js';
import type { Means, Objective, ObjectiveSetting } from '#training/objectives/objective.js';
import type { StepShape } from '#training/step-shape.js';
import { readBlocks, tokenCount } from '#training/training-data.js';

const textPlaces = ({ batch, length }: StepShape) => batch * textsPerBlock(length);

function lossOf({ model }: LoraModel, data: ProgramInputs['data']): { logits: Tensor; measures: Tensor } {
  const logits = classLogits(model, data);
  return { logits, measures: crossEntropy(logits, data['labels']!, data['labelWeights']!) };
}

function dataSpec(shape: StepShape): ProgramSpec['data'] {
  const rows = shape.batch * shape.length;
  const texts = textPlaces(shape);
  return {
    tokens: { shape: [rows], dtype: 'int32' },
    positions: { shape: [rows], dtype: 'int32' },
    segments: { shape: [shape.batch, shape.length], dtype: 'int32' },
    tokenTypes: { shape: [rows], dtype: 'int32' },
    pooledRows: { shape: [texts], dtype: 'int32' },
    labels: { shape: [texts], dtype: 'int32' },
    labelWeights: { shape: [texts], dtype: 'float32' },
  };
}

/** What the texts of a batch are to the model. */
interface TextRows {
  /** Row of the token that stands for each text. */
  readonly pooled: readonly number[];
  readonly labels: readonly number[];
  readonly types: Int32Array;
}

function textsOf(
  blocks: readonly Block[],
  { pools, tokenTypes, config: { padTokenId } }: TextClassifier,
  { batch, length }: StepShape,
): TextRows {
  const pooled: number[] = [];
  const types = new Int32Array(batch * length);
  for (const [order, { tokens, segments, classes }] of blocks.entries()) {
    classes!.types.forEach((type, i) => (types[order * length + i] = Math.min(type, tokenTypes - 1)));
    for (let segment = 1; segment <= classes!.labels.length; segment++) {
      const start = segments.indexOf(segment);
      const end = segments.lastIndexOf(segment) + 1;
      const at = pools === 'first' ? 0 : lastToken(tokens.subarray(start, end), padTokenId);
      pooled.push(order * length + start + at);
    }
  }
  return { pooled, types, labels: blocks.flatMap(({ classes }) => [...classes!.labels]) };
}

function inputsOf(
  batch: Batch,
  { pooled, labels, types }: TextRows,
  total: number,
  shape: StepShape,
): Record<string, Int32Array | Float32Array> {
  const texts = textPlaces(shape);
  const filled = (values: readonly number[]) => {
    const all = new Int32Array(texts);
    all.set(values);
    return all;
  };
  return {
    tokens: batch.tokens,
    positions: batch.positions,
    segments: batch.segments,
    tokenTypes: types,
    // Places without a text read some token and weigh nothing.
    pooledRows: filled(pooled),
    labels: filled(labels),
    labelWeights: new Float32Array(texts).fill(1 / Math.max(1, total), 0, labels.length),
  };
}

const accuracyOf = ({ accuracy }: Means) => ({ accuracy: accuracy! });

/** The objective for a model that classifies texts. */
export function classification(_: unknown, { tree }: ObjectiveSetting): Objective {
  const classifier = tree as TextClassifier;
  const { labels } = classifier.config;
  return {
    declaration: classificationDeclaration,
    graphKey: null,
    measures: ['loss', 'accuracy'],

    dataSpec,

    forward: (model, data) => lossOf(model, data).measures,

    evaluate(model, data) {
      const { logits, measures } = lossOf(model, data);
      return { measures, outputs: { logits } };
    },

    readBatch(source, indices, shape) {
      const blocks = indices.map((index) => source.readBlock(index));
      const batch = readBlocks(source, indices, shape.batch);
      const texts = textsOf(blocks, classifier, shape);
      return {
        count: texts.labels.length,
        tokens: tokenCount(batch),
        targets: texts.labels.length,
        inputs: (total) => inputsOf(batch, texts, total, shape),
      };
    },

    stepMetrics: accuracyOf,
    evaluationMetrics: accuracyOf,
    newTally: () => new ClassTally(labels),
  };
}
