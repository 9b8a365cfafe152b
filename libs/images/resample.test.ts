import { describe, expect, test } from 'vitest';
import { bytesOf, imageFile, imageJson } from '../../test/image-fixtures.js';
import { decodeImage } from '#images/decode-image.js';
import { resamplings, resize } from '#images/resample.js';

interface Resized {
  readonly width: number;
  readonly height: number;
  readonly resample: number;
  readonly rgb: string;
}

describe('resize', () => {
  test.each(
    (imageJson('resized.json') as Resized[]).map((one) => ({ ...one, filter: resamplings[one.resample]! })),
  )('to $width x $height by $filter has the bits of PIL', async ({ width, height, filter, rgb }) => {
    const resized = resize(await decodeImage(imageFile('rgb.png')), width, height, filter);
    expect(resized).toMatchObject({ width, height, channels: 3 });
    expect(Buffer.from(resized.data).equals(bytesOf(rgb))).toBe(true);
  });
});
