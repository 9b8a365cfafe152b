/** Classification of images: cross entropy over the classes, as a mean over all images; a block is an image. */
import type { Block } from '#data/packing.js';
import type { ImagePreprocessor } from '#images/preprocessor.js';
import { crossEntropy } from '#jit/ops/loss-head.js';
import type { Tensor } from '#jit/ops.js';
import type { ProgramInputs } from '#jit/trace.js';
import type { LoraModel } from '#lora/lora-model.js';
import { imageClassifier } from '#models/abilities.js';
import { classLogits } from '#models/class-logits.js';
import type { Model } from '#models/model.js';
import { ClassTally } from '#training/objectives/class-tally.js';
import { classificationDeclaration } from '#training/objectives/declared/classification.js';
import type { Means, Objective } from '#training/objectives/objective.js';
import type { StepShape } from '#training/step-shape.js';

function lossOf({ model }: LoraModel, data: ProgramInputs['data']): { logits: Tensor; measures: Tensor } {
  const logits = classLogits(model, data);
  return { logits, measures: crossEntropy(logits, data['labels']!, data['labelWeights']!) };
}

const accuracyOf = ({ accuracy }: Means) => ({ accuracy: accuracy! });

/** The objective for a model that classifies images and has them prepared so. */
export function imageClassification(tree: Model, preprocessor: ImagePreprocessor): Objective {
  const { labels } = imageClassifier(tree, 'training to tell classes of images apart').config;
  const { channels, size, pixelCount } = preprocessor;

  /** Places without an image are black and weigh nothing. */
  function inputsOf(blocks: readonly Block[], total: number, { batch }: StepShape) {
    const pixels = new Float32Array(batch * pixelCount);
    const classes = new Int32Array(batch);
    for (const [i, block] of blocks.entries()) {
      preprocessor.writeValues(block.pixels!, pixels, i * pixelCount);
      classes[i] = block.classes!.labels[0]!;
    }
    const labelWeights = new Float32Array(batch).fill(1 / Math.max(1, total), 0, blocks.length);
    return { pixels, labels: classes, labelWeights };
  }

  return {
    declaration: classificationDeclaration,
    graphKey: { channels, ...size },
    measures: ['loss', 'accuracy'],

    dataSpec: ({ batch }) => ({
      pixels: { shape: [batch, channels, size.height, size.width], dtype: 'float32' },
      labels: { shape: [batch], dtype: 'int32' },
      labelWeights: { shape: [batch], dtype: 'float32' },
    }),

    forward: (model, data) => lossOf(model, data).measures,

    evaluate(model, data) {
      const { logits, measures } = lossOf(model, data);
      return { measures, outputs: { logits } };
    },

    readBatch(source, indices, shape) {
      const blocks = indices.map((index) => source.readBlock(index));
      return {
        count: blocks.length,
        tokens: blocks.length * source.blockLength,
        targets: blocks.length,
        inputs: (total) => inputsOf(blocks, total, shape),
      };
    },

    stepMetrics: accuracyOf,
    evaluationMetrics: accuracyOf,
    newTally: () => new ClassTally(labels),
  };
}
