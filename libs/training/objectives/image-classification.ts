/** Classification of images: cross entropy over the classes, as a mean over all images; a block is an image. */
import type { Block } from '#data/packing.js';
import type { ImagePreprocessor } from '#images/preprocessor.js';
import { imageClassifier } from '#models/abilities.js';
import type { Model } from '#models/model.js';
import { classObjective, labelSpec, labelWeights } from '#training/objectives/class-loss.js';
import type { Objective } from '#training/objectives/objective.js';
import type { StepShape } from '#training/step-shape.js';

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
    return { pixels, labels: classes, labelWeights: labelWeights(batch, blocks.length, total) };
  }

  return {
    ...classObjective(labels),
    graphKey: { channels, ...size },

    dataSpec: ({ batch }) => ({
      pixels: { shape: [batch, channels, size.height, size.width], dtype: 'float32' },
      ...labelSpec(batch),
    }),

    readBatch(source, indices, shape) {
      const blocks = indices.map((index) => source.readBlock(index));
      return {
        count: blocks.length,
        tokens: blocks.length * source.blockLength,
        targets: blocks.length,
        inputs: (total) => inputsOf(blocks, total, shape),
      };
    },
  };
}
