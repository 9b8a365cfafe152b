/** Classes of images from a model with a classification head: files in, probabilities out, with or without an adapter. */
import { ClassRunner, type ClassRunnerOptions } from '#generation/class-runner.js';
import { naming } from '#images/naming.js';
import { decodeImage } from '#images/decode-image.js';
import type { ImagePreprocessor } from '#images/preprocessor.js';
import { imageClassifier } from '#models/abilities.js';

const program = 'classes of an image';

export interface ImageClassModelOptions extends ClassRunnerOptions {
  readonly preprocessor: ImagePreprocessor;
}

export class ImageClassModel {
  private constructor(
    private readonly preprocessor: ImagePreprocessor,
    /** Names of the classes. */
    readonly labels: readonly string[],
    private readonly runner: ClassRunner,
  ) {}

  /**
   * Nothing is compiled or read before it is needed. Throws UnsupportedError for a model that classifies no images, and
   * the errors of `ClassRunner.create`.
   */
  static create({ preprocessor, ...options }: ImageClassModelOptions): ImageClassModel {
    const { labels } = imageClassifier(options.model.tree, 'classifying images').config;
    const { channels, size } = preprocessor;
    const pixels = { shape: [1, channels, size.height, size.width], dtype: 'float32' as const };
    return new ImageClassModel(preprocessor, labels, ClassRunner.create(options, { [program]: { pixels } }));
  }

  /**
   * Reads one file of an image; of every class the probability, in the order of the labels. `weights` are those of the
   * composition's members, default = those it was opened with.
   *
   * Throws the errors of `decodeImage` and `ImagePreprocessor.pixels`.
   */
  async classify(file: Uint8Array, weights?: readonly number[]): Promise<readonly number[]> {
    const { preprocessor } = this;
    const image = await naming('the image', async () =>
      preprocessor.pixels(await decodeImage(file, preprocessor.channels)),
    );
    const pixels = new Float32Array(image.length);
    preprocessor.writeValues(image, pixels);
    return this.runner.probabilities(program, { pixels }, weights);
  }

  close(): Promise<void> {
    return this.runner.close();
  }
}
