/** Which format a file of an image has, told by its first bytes: its name and its declared type may be wrong. */
import { UnsupportedError, LowrankError } from '#base/errors.js';

/** Formats that are decoded, as sharp names them. */
const decoded = ['png', 'jpeg', 'webp', 'gif', 'tiff'] as const;
export type ImageFormat = (typeof decoded)[number];

type Signature = readonly [name: string, at: number, bytes: string];

const signatures: readonly Signature[] = [
  ['png', 0, '\x89PNG\r\n\x1a\n'],
  ['jpeg', 0, '\xff\xd8\xff'],
  ['webp', 8, 'WEBP'],
  ['gif', 0, 'GIF87a'],
  ['gif', 0, 'GIF89a'],
  ['tiff', 0, 'II*\0'],
  ['tiff', 0, 'MM\0*'],
  ['BigTIFF', 0, 'II+\0'],
  ['BigTIFF', 0, 'MM\0+'],
  ['BMP', 0, 'BM'],
  ['HEIF', 4, 'ftyp'],
  ['JPEG XL', 0, '\xff\x0a'],
  ['JPEG XL', 4, 'JXL '],
  ['JPEG 2000', 4, 'jP  '],
  ['PDF', 0, '%PDF'],
  ['Photoshop', 0, '8BPS'],
  ['ICO', 0, '\0\0\x01\0'],
  ['SVG', 0, '<svg'],
  ['SVG', 0, '<?xml'],
];

const longestStart = 12;
const known = 'PNG, JPEG, WebP, GIF (its first frame) and TIFF are read';

/**
 * The format of a file by its content.
 *
 * Throws LowrankError `image_invalid` for what is no image, and UnsupportedError for other kinds of images.
 */
export function formatOf(bytes: Uint8Array): ImageFormat {
  const start = Buffer.from(bytes.subarray(0, longestStart)).toString('latin1');
  const found = signatures.find(([, at, expected]) => start.startsWith(expected, at))?.[0];
  if (found === undefined) {
    const what = bytes.length === 0 ? 'is empty' : 'is no image that is known by its first bytes';
    throw new LowrankError('image_invalid', `${what}: ${known}`);
  }
  const format = decoded.find((format) => format === found);
  if (format) return format;
  throw new UnsupportedError(`is an image of the format ${found}: ${known}; convert it to PNG`, {
    format: found,
  });
}
