/** From the pixels of any image to what a model reads, as the image processors of transformers do it. */
import { LowrankError } from '#base/errors.js';
import { maxImagePixels } from '#images/limits.js';
import type { Channels, PixelImage } from '#images/pixel-image.js';
import { resize, type Resampling } from '#images/resample.js';

export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

/** To fixed sides, or until the shorter side has a length, its shape kept. */
export type ResizeRule = ImageSize | { readonly shortestEdge: number };

/** What is done to an image, in this order. */
export interface PreprocessorSteps {
  readonly resize: ResizeRule | null;
  readonly resampling: Resampling;
  /** The middle of the image; what it lacks is black. */
  readonly crop: ImageSize | null;
  /** What every number is multiplied by. */
  readonly rescale: number | null;
  /** What is taken off every number of a channel and what it is divided by then. */
  readonly normalize: { readonly mean: readonly number[]; readonly std: readonly number[] } | null;
}

/** Makes images of one size, in two halves: pixels as small whole numbers, which can be kept, and their values. */
export class ImagePreprocessor {
  /** The values of all numbers that a channel's pixels can be: [channels][256]. */
  private readonly values: readonly Float32Array[];

  constructor(
    private readonly steps: PreprocessorSteps,
    readonly channels: Channels,
    /** Of what comes out. */
    readonly size: ImageSize,
  ) {
    this.values = Array.from({ length: channels }, (_, channel) => valuesOf(steps, channel));
  }

  /** What decides over pixels and values, for keys of caches. */
  get key(): unknown {
    const { steps, channels, size } = this;
    return { steps, channels, size };
  }

  /** Numbers of an image: channels * height * width. */
  get pixelCount(): number {
    return this.channels * this.size.height * this.size.width;
  }

  /**
   * Resizes and crops to [channels, height, width].
   *
   * Throws LowrankError `image_invalid` for an image of another size where none are resized, and `image_too_large` where
   * one side is so much longer than the other that the image would not fit in memory; messages go on from a name.
   */
  pixels(image: PixelImage): Uint8Array {
    const { resize: rule, resampling, crop } = this.steps;
    let made = image;
    if (rule) {
      const { height, width } = resizedTo(image, rule);
      made = resize(image, width, height, resampling);
    }
    if (crop) made = centerCrop(made, crop);
    const { height, width } = this.size;
    if (made.height !== height || made.width !== width) {
      throw new LowrankError(
        'image_invalid',
        `is ${image.width} x ${image.height} pixels; preprocessor_config.json lets no image be resized, and the model reads ` +
          `${width} x ${height}: give images of that size`,
      );
    }
    return channelsFirst(made);
  }

  /** Values of pixels as `pixels` gives them, of any number of images, into `target` at `offset`. */
  writeValues(pixels: Uint8Array, target: Float32Array, offset = 0): void {
    const plane = this.size.height * this.size.width;
    for (let i = 0; i < pixels.length; i++) {
      target[offset + i] = this.values[Math.floor(i / plane) % this.channels]![pixels[i]!]!;
    }
  }
}

function valuesOf({ rescale, normalize }: PreprocessorSteps, channel: number): Float32Array {
  // Each step in the precision that NumPy has for it.
  const { fround } = Math;
  return Float32Array.from({ length: 256 }, (_, pixel) => {
    const scaled = fround(rescale === null ? pixel : pixel * rescale);
    if (!normalize) return scaled;
    return fround(scaled - fround(normalize.mean[channel]!)) / fround(normalize.std[channel]!);
  });
}

function resizedTo({ width, height }: PixelImage, rule: ResizeRule): ImageSize {
  if ('height' in rule) return rule;
  const { shortestEdge: short } = rule;
  const long = Math.trunc((short * Math.max(width, height)) / Math.min(width, height));
  if (short * long > maxImagePixels) {
    throw new LowrankError(
      'image_too_large',
      `is ${width} x ${height} pixels: with ${short} on its shorter side it would have more than ${maxImagePixels}. Cut it`,
    );
  }
  return width <= height ? { width: short, height: long } : { width: long, height: short };
}

/** As transformers' `center_crop`: of an odd number of rows, one more is cut below, or filled above. */
function centerCrop(image: PixelImage, { height, width }: ImageSize): PixelImage {
  const top = Math.floor((image.height - height) / 2);
  const left = Math.floor((image.width - width) / 2);
  const { channels } = image;
  const data = new Uint8Array(height * width * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [fromY, fromX] = [y + top, x + left];
      if (fromY < 0 || fromX < 0 || fromY >= image.height || fromX >= image.width) continue;
      const at = (fromY * image.width + fromX) * channels;
      data.set(image.data.subarray(at, at + channels), (y * width + x) * channels);
    }
  }
  return { width, height, channels, data };
}

function channelsFirst({ width, height, channels, data }: PixelImage): Uint8Array {
  const plane = width * height;
  const result = new Uint8Array(data.length);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < channels; c++) result[c * plane + i] = data[i * channels + c]!;
  }
  return result;
}
