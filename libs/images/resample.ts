/** Images in another size, with the very bits of `Image.resize` of Pillow 13. */
import type { PixelImage } from '#images/pixel-image.js';

/** PIL's numbers of its filters. */
export const resamplings = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'] as const;
export type Resampling = (typeof resamplings)[number];

interface Filter {
  /** Beyond this distance it is 0. */
  readonly support: number;
  readonly at: (x: number) => number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
/** Of Keys' family of cubics, as PIL has it. */
const cubic = -0.5;

const filters: Readonly<Record<Exclude<Resampling, 'nearest'>, Filter>> = {
  box: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    at: (x) => (Math.abs(x) >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x))),
  },
  bicubic: {
    support: 2,
    at: (signed) => {
      const x = Math.abs(signed);
      if (x < 1) return ((cubic + 2) * x - (cubic + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * cubic : 0;
    },
  },
  lanczos: { support: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Weights are whole numbers of 2 ** -22, as PIL's. */
const one = 2 ** 22;

/** Of one row or column of the result: where its window begins in the image, and the weights. */
interface Window {
  readonly from: number;
  readonly weights: Float64Array;
}

/** An image of another size; a smaller one is a mean over all that it covers, except with `nearest`. */
export function resize(image: PixelImage, width: number, height: number, resampling: Resampling): PixelImage {
  if (image.width === width && image.height === height) return image;
  if (resampling === 'nearest') return nearest(image, width, height);
  const filter = filters[resampling];
  const across = (from: PixelImage) =>
    from.width === width ? from : acrossRows(from, windowsOf(from.width, width, filter));
  const down = (from: PixelImage) =>
    from.height === height ? from : acrossColumns(from, windowsOf(from.height, height, filter));
  return goesDownFirst(image, width, height) ? across(down(image)) : down(across(image));
}

/** Pillow 13's own choice, which shows where the first half rounds; releases before it go across first always. */
function goesDownFirst(image: PixelImage, width: number, height: number): boolean {
  const rowsLess = image.height - height;
  return rowsLess > 0 && rowsLess > 2 * (image.width - width);
}

function windowsOf(size: number, wanted: number, { support, at }: Filter): Window[] {
  const scale = size / wanted;
  const stretch = Math.max(1, scale);
  const reach = support * stretch;
  return Array.from({ length: wanted }, (_, place) => {
    const center = (place + 0.5) * scale;
    const from = Math.max(0, Math.trunc(center - reach + 0.5));
    const to = Math.min(size, Math.trunc(center + reach + 0.5));
    const weights = Float64Array.from({ length: to - from }, (_, i) =>
      at((i + from - center + 0.5) * (1 / stretch)),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return {
      from,
      weights: weights.map((weight) => {
        const fixed = (total === 0 ? weight : weight / total) * one;
        return Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
      }),
    };
  });
}

const rounded = (sum: number): number => Math.min(255, Math.max(0, Math.floor((sum + one / 2) / one)));

function acrossRows(image: PixelImage, windows: readonly Window[]): PixelImage {
  const { width: inWidth, height, channels, data } = image;
  const width = windows.length;
  const result = new Uint8Array(height * width * channels);
  for (let y = 0; y < height; y++) {
    for (const [x, { from, weights }] of windows.entries()) {
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        let at = (y * inWidth + from) * channels + c;
        for (let i = 0; i < weights.length; i++, at += channels) sum += weights[i]! * data[at]!;
        result[(y * width + x) * channels + c] = rounded(sum);
      }
    }
  }
  return { width, height, channels, data: result };
}

function acrossColumns(image: PixelImage, windows: readonly Window[]): PixelImage {
  const { width, channels, data } = image;
  const row = width * channels;
  const height = windows.length;
  const result = new Uint8Array(height * row);
  const sums = new Float64Array(row);
  for (const [y, { from, weights }] of windows.entries()) {
    sums.fill(0);
    for (let i = 0; i < weights.length; i++) {
      const weight = weights[i]!;
      const at = (from + i) * row;
      for (let x = 0; x < row; x++) sums[x]! += weight * data[at + x]!;
    }
    for (let x = 0; x < row; x++) result[y * row + x] = rounded(sums[x]!);
  }
  return { width, height, channels, data: result };
}

/** Which of `size` pixels each of the wanted ones is; PIL adds the distance up, and so do we. */
function places(size: number, wanted: number): number[] {
  const scale = size / wanted;
  let at = scale * 0.5;
  return Array.from({ length: wanted }, () => {
    const place = Math.min(size - 1, Math.floor(at));
    at += scale;
    return place;
  });
}

function nearest(
  { width: inWidth, height: inHeight, channels, data }: PixelImage,
  width: number,
  height: number,
) {
  const columns = places(inWidth, width);
  const result = new Uint8Array(height * width * channels);
  for (const [y, row] of places(inHeight, height).entries()) {
    for (const [x, column] of columns.entries()) {
      const from = (row * inWidth + column) * channels;
      result.set(data.subarray(from, from + channels), (y * width + x) * channels);
    }
  }
  return { width, height, channels, data: result };
}
