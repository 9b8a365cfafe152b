/** Files of images to pixels, equal to those of PIL's `exif_transpose` and `convert("RGB")`. */
import type { Sharp, SharpOptions } from 'sharp';
import { LowrankError } from '#base/errors.js';
import { formatOf } from '#images/image-format.js';
import { maxImageBytes, maxImagePixels } from '#images/limits.js';
import type { Channels, PixelImage } from '#images/pixel-image.js';

/** An image of the largest size takes a few seconds. */
const longestSeconds = 60;

const options = {
  // PIL leaves colour profiles alone.
  ignoreIcc: true,
  // Beyond damage that a decoder can mend; what is cut off is refused, as PIL does.
  failOn: 'truncated',
  pages: 1,
} as const satisfies SharpOptions;

/**
 * Decodes an image: upright as its EXIF says, its colour as RGB or as grey, whatever is transparent as if it were not.
 *
 * Its size is read before anything is decoded. Throws LowrankError `image_invalid`, `image_too_large` and
 * `dependency_missing`, and UnsupportedError for formats and modes that are not read; messages go on from a name.
 */
export async function decodeImage(bytes: Uint8Array, channels: Channels = 3): Promise<PixelImage> {
  if (bytes.length > maxImageBytes) {
    throw new LowrankError(
      'image_too_large',
      `has ${bytes.length} bytes; at most ${maxImageBytes} are read: make it smaller`,
    );
  }
  formatOf(bytes);
  const sharp = await loadSharp();
  const metadata = await decoding(() => sharp(bytes, { ...options, limitInputPixels: false }).metadata());
  const { width, height, space, depth } = metadata;
  if (width * height > maxImagePixels) {
    throw new LowrankError(
      'image_too_large',
      `has ${width} x ${height} pixels; at most ${maxImagePixels} are read: make it smaller`,
      { details: { width, height, maxPixels: maxImagePixels } },
    );
  }
  refuseMode(space, depth);
  const isCmyk = space === 'cmyk';
  const upright = sharp(bytes, { ...options, limitInputPixels: maxImagePixels })
    .timeout({ seconds: longestSeconds })
    .autoOrient();
  const pipeline = isCmyk ? upright.pipelineColourspace('cmyk').toColourspace('cmyk') : upright;
  const { data, info } = await decoding(() => pipeline.raw().toBuffer({ resolveWithObject: true }));
  const rgb = rgbOf(data, info.channels, isCmyk);
  const image = { width: info.width, height: info.height };
  return channels === 3 ? { ...image, channels, data: rgb } : { ...image, channels, data: greyOf(rgb) };
}

/** Loaded on first use: who reads texts only needs no decoder. */
async function loadSharp(): Promise<(bytes: Uint8Array, options: SharpOptions) => Sharp> {
  try {
    const { default: sharp } = await import('sharp');
    sharp.cache(false);
    return sharp;
  } catch (cause) {
    throw new LowrankError(
      'dependency_missing',
      `cannot be decoded: the package sharp does not load on this machine (${firstLine(cause)}). Run npm ci again on it, ` +
        'without --omit=optional',
      { cause },
    );
  }
}

async function decoding<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new LowrankError(
      'image_invalid',
      `cannot be decoded (${firstLine(cause)}): it is damaged or cut off`,
      { cause },
    );
  }
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).trim().split('\n')[0]!;

/** 8 bits of any colour, and 16 bits of red, green and blue, whose upper 8 PIL takes. */
function refuseMode(space: string | undefined, depth: string | undefined): void {
  const isPlain = depth === 'uchar' && ['b-w', 'srgb', 'cmyk'].includes(space ?? '');
  if (isPlain || (depth === 'ushort' && space === 'rgb16')) return;
  const shown = `${space ?? 'an unknown colour space'} of ${depth ?? 'unknown'} numbers`;
  const why = space === 'grey16' ? ', of which PIL would cut off all above 255' : '';
  throw new LowrankError('image_invalid', `has pixels of ${shown}${why}: save it with 8 bits a channel`, {
    details: { space: space ?? null, depth: depth ?? null },
  });
}

function rgbOf(data: Uint8Array, channels: number, isCmyk: boolean): Uint8Array {
  if (channels === 3) return data;
  const pixels = data.length / channels;
  const rgb = new Uint8Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) {
      const value = data[i * channels + (channels < 3 ? 0 : c)]!;
      rgb[3 * i + c] = isCmyk ? withoutInk(value, 255 - data[i * channels + 3]!) : value;
    }
  }
  return rgb;
}

/** PIL's own: what an ink leaves of the light that the black ink leaves. */
function withoutInk(ink: number, light: number): number {
  const product = ink * light + 128;
  return Math.max(0, light - (((product >> 8) + product) >> 8));
}

/** PIL's L of RGB: luma of ITU-R 601-2, in 16 bits of fraction. */
function greyOf(rgb: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: rgb.length / 3 }, (_, i) => {
    const [r, g, b] = [rgb[3 * i]!, rgb[3 * i + 1]!, rgb[3 * i + 2]!];
    return (r * 19_595 + g * 38_470 + b * 7471 + 0x8000) >> 16;
  });
}
