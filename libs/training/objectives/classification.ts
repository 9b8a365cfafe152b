/** Classification of texts: cross entropy over the classes, as a mean over all texts. */
import type { Batch } from '#data/batch.js';
import type { Block } from '#data/packing.js';
import type { ProgramSpec } from '#jit/trace.js';
import { lastToken, type TextClassifier } from '#models/classifier.js';
import { classObjective, labelSpec, labelWeights } from '#training/objectives/class-loss.js';
import { textsPerBlock } from '#training/objectives/declared/classification.js';
import type { Objective, ObjectiveSetting } from '#training/objectives/objective.js';
import type { StepShape } from '#training/step-shape.js';
import { batchOf, tokenCount } from '#training/training-data.js';

const textPlaces = ({ batch, length }: StepShape) => batch * textsPerBlock(length);

function dataSpec(shape: StepShape): ProgramSpec['data'] {
  const rows = shape.batch * shape.length;
  const texts = textPlaces(shape);
  return {
    tokens: { shape: [rows], dtype: 'int32' },
    positions: { shape: [rows], dtype: 'int32' },
    segments: { shape: [shape.batch, shape.length], dtype: 'int32' },
    tokenTypes: { shape: [rows], dtype: 'int32' },
    pooledRows: { shape: [texts], dtype: 'int32' },
    ...labelSpec(texts),
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
    labelWeights: labelWeights(texts, labels.length, total),
  };
}

/** The objective for a model that classifies texts. */
export function classification(_: unknown, { tree }: ObjectiveSetting): Objective {
  const classifier = tree as TextClassifier;
  return {
    ...classObjective(classifier.config.labels),
    graphKey: null,

    dataSpec,

    readBatch(source, indices, shape) {
      const blocks = indices.map((index) => source.readBlock(index));
      const batch = batchOf(blocks, source.blockLength, shape.batch);
      const texts = textsOf(blocks, classifier, shape);
      return {
        count: texts.labels.length,
        tokens: tokenCount(batch),
        targets: texts.labels.length,
        inputs: (total) => inputsOf(batch, texts, total, shape),
      };
    },
  };
}
