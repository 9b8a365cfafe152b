import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { floatsOf, imageFile, imageJson } from '../../test/image-fixtures.js';
import { absoluteError, tolerances } from '../../test/tolerances.js';
import { decodeImage } from '#images/decode-image.js';
import {
  type ImageReader,
  parsePreprocessor,
  PREPROCESSOR_CONFIG,
  readPreprocessor,
} from '#images/preprocessor-config.js';
import type { ImagePreprocessor } from '#images/preprocessor.js';
import { processorNames } from '#images/processor-kinds.js';

const anySize: ImageReader = { processor: 'ConvNextImageProcessor', channels: 3, imageSize: null };
const vit: ImageReader = { processor: 'ViTImageProcessor', channels: 3, imageSize: [224, 224] };

interface Case {
  readonly name: string;
  readonly image: string;
  readonly config: Record<string, unknown>;
  readonly shape: readonly [channels: number, height: number, width: number];
  readonly values: string;
}

async function valuesOf(preprocessor: ImagePreprocessor, file: string): Promise<Float32Array> {
  const pixels = preprocessor.pixels(await decodeImage(imageFile(file)));
  const values = new Float32Array(pixels.length);
  preprocessor.writeValues(pixels, values);
  return values;
}

describe('a preprocessor', () => {
  test.each(imageJson('processors.json') as Case[])(
    '$name makes of $image the values of transformers',
    async ({ config, image, shape, values }) => {
      const [channels, height, width] = shape;
      const preprocessor = parsePreprocessor(config, { ...anySize, channels, imageSize: null });
      expect(preprocessor.size).toEqual({ height, width });
      const error = absoluteError(await valuesOf(preprocessor, image), floatsOf(values));
      expect(error).toBeLessThanOrEqual(tolerances.pixelValues);
    },
  );

  test.each(processorNames)(
    'of a file with nothing but %s has the defaults of transformers',
    async (name) => {
      const { shape, sums } = (
        imageJson('defaults.json') as Record<string, { shape: number[]; sums: number[] }>
      )[name]!;
      const preprocessor = parsePreprocessor({ image_processor_type: name }, anySize);
      const values = await valuesOf(preprocessor, 'rgb.png');
      expect([3, preprocessor.size.height, preprocessor.size.width]).toEqual(shape);
      const total = values.reduce((sum, value) => sum + value, 0);
      const absolute = values.reduce((sum, value) => sum + Math.abs(value), 0);
      expect(absoluteError([total, absolute], sums)).toBeLessThan(tolerances.pixelValues * values.length);
    },
  );

  test('is that of the family where a folder has no file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'images-'));
    try {
      const silent = await readPreprocessor(folder, vit);
      expect(silent.key).toEqual(parsePreprocessor({ image_processor_type: 'ViTImageProcessor' }, vit).key);
      await writeFile(join(folder, PREPROCESSOR_CONFIG), '{ "size": ');
      await expect(readPreprocessor(folder, vit)).rejects.toMatchObject({
        code: 'model_config_invalid',
        message: expect.stringContaining(PREPROCESSOR_CONFIG) as string,
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test.each(['ViTImageProcessor', 'ViTImageProcessorFast', 'ViTFeatureExtractor'])(
    'is known as %s too',
    (name) => {
      const found = parsePreprocessor({ feature_extractor_type: name, size: 224 }, vit);
      expect(found.key).toEqual(parsePreprocessor({}, vit).key);
    },
  );

  test('reads grey images for a model of one channel', async () => {
    const preprocessor = parsePreprocessor({ size: 16 }, { ...vit, channels: 1, imageSize: [16, 16] });
    const pixels = preprocessor.pixels(await decodeImage(imageFile('rgb.png'), preprocessor.channels));
    expect(pixels).toHaveLength(16 * 16);
  });

  test('lets an image pass as it is where nothing resizes, if it has the size', async () => {
    const own = parsePreprocessor({ do_resize: false }, { ...vit, imageSize: [19, 27] });
    expect(own.pixels(await decodeImage(imageFile('rgb.png')))).toHaveLength(3 * 19 * 27);
    const turned = await decodeImage(imageFile('turned-6.png'));
    expect(() => own.pixels(turned)).toThrow('is 19 x 27 pixels');
  });

  test('refuses an image that one side makes too large', () => {
    const line = { width: 4_000_000, height: 1, channels: 3, data: new Uint8Array(12_000_000) } as const;
    expect(() => parsePreprocessor({ size: 224 }, anySize).pixels(line)).toThrow(
      expect.objectContaining({ code: 'image_too_large' }) as Error,
    );
  });
});

describe('preprocessor_config.json is refused with', () => {
  test.each<[Record<string, unknown>, ImageReader, string, string]>([
    [{ image_processor_type: 'MobileViTImageProcessor' }, vit, 'unsupported', 'MobileViTImageProcessor'],
    [{ do_pad: true }, vit, 'unsupported', 'do_pad'],
    [{ size: { longest_edge: 224 } }, vit, 'unsupported', 'longest_edge'],
    [{ size: { shortest_edge: 224 } }, vit, 'unsupported', 'do_center_crop'],
    [{ do_resize: false }, anySize, 'unsupported', 'different sizes'],
    [{ size: 200 }, vit, 'model_config_invalid', '200 x 200'],
    [{ size: -1 }, vit, 'model_config_invalid', 'size'],
    [{ size: { height: 224, width: 224 } }, anySize, 'model_config_invalid', 'shortest_edge'],
    [{ resample: 9 }, vit, 'model_config_invalid', 'resample'],
    [{ image_mean: [0.5] }, vit, 'model_config_invalid', 'image_mean'],
    [{ image_std: [1, 0, 1] }, vit, 'model_config_invalid', 'image_std'],
    [{}, { ...vit, channels: 4 }, 'unsupported', '4 channels'],
  ])('%j, for %j', (config, reader, code, words) => {
    expect(() => parsePreprocessor(config, reader)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(words) as string }) as Error,
    );
  });
});
