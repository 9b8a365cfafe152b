/** preprocessor_config.json of a model folder, as the image processors of transformers read it. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { LowrankError, UnsupportedError } from '#base/errors.js';
import { fileProblem } from '#base/file-problem.js';
import { jsonFileProblem } from '#base/json-problem.js';
import type { Channels } from '#images/pixel-image.js';
import { ImagePreprocessor, type ImageSize, type PreprocessorSteps } from '#images/preprocessor.js';
import {
  type ProcessorKind,
  processorKinds,
  type ProcessorName,
  processorNames,
} from '#images/processor-kinds.js';
import { resamplings } from '#images/resample.js';

export const PREPROCESSOR_CONFIG = 'preprocessor_config.json';

/** What a model reads, and the processor that transformers takes for it. */
export interface ImageReader {
  readonly processor: ProcessorName;
  readonly channels: number;
  /** Null = any size. */
  readonly imageSize: readonly [height: number, width: number] | null;
}

const side = z.int().positive().max(8192);
const sides = z.union([side, z.tuple([side, side]), z.record(z.string(), z.union([side, z.null()]))]);
const finite = z.number().refine(Number.isFinite);
const perChannel = z.union([finite, z.array(finite).min(1).max(4)]);

const fields = z.object({
  do_resize: z.boolean().nullish(),
  size: sides.nullish(),
  resample: z.int().min(0).max(5).nullish(),
  crop_pct: z.number().positive().max(1).nullish(),
  do_center_crop: z.boolean().nullish(),
  crop_size: sides.nullish(),
  do_rescale: z.boolean().nullish(),
  rescale_factor: finite.nullish(),
  do_normalize: z.boolean().nullish(),
  image_mean: perChannel.nullish(),
  image_std: perChannel.nullish(),
  do_convert_rgb: z.boolean().nullish(),
  do_pad: z.boolean().nullish(),
});
type Fields = z.infer<typeof fields>;

/**
 * The preprocessor of a model folder; that of transformers' defaults for the model where there is no file.
 *
 * Throws LowrankError `model_config_invalid` with every field that is wrong, and UnsupportedError for kinds of
 * processors and options that are not done.
 */
export async function readPreprocessor(folder: string, reader: ImageReader): Promise<ImagePreprocessor> {
  const file = path.join(folder, PREPROCESSOR_CONFIG);
  let content: Buffer;
  try {
    content = await readFile(file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return parsePreprocessor({}, reader);
    throw invalid(file, fileProblem(cause), cause);
  }
  let json: unknown;
  try {
    json = JSON.parse(content.toString('utf8'));
  } catch (cause) {
    throw invalid(file, jsonFileProblem(cause, content), cause);
  }
  return parsePreprocessor(json, reader, file);
}

/** The same from the JSON of the file. */
export function parsePreprocessor(
  json: unknown,
  reader: ImageReader,
  source: string = PREPROCESSOR_CONFIG,
): ImagePreprocessor {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw invalid(source, 'must be a JSON object');
  }
  const kind: ProcessorKind = processorKinds[processorOf(json as Record<string, unknown>, reader, source)];
  const parsed = fields.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw invalid(source, `does not describe a processor of images: ${problems.join('; ')}`);
  }
  if (parsed.data.do_pad) {
    throw new UnsupportedError(`${source}: do_pad is not supported: images of a model here have one size`, {
      option: 'do_pad',
    });
  }
  const channels = channelsOf(reader, source);
  const steps = stepsOf(parsed.data, kind, { reader, channels, source });
  return new ImagePreprocessor(steps, channels, finalSize(steps, reader, source));
}

function invalid(source: string, problem: string, cause?: unknown): LowrankError {
  return new LowrankError('model_config_invalid', `${source} ${problem}`, { cause });
}

/** The same class has had several names: of the older library, and by what carries it out. */
function processorOf(
  json: Readonly<Record<string, unknown>>,
  { processor }: ImageReader,
  source: string,
): ProcessorName {
  const given = json['image_processor_type'] ?? json['feature_extractor_type'];
  if (given === undefined || given === null) return processor;
  const name = (typeof given === 'string' ? given : '')
    .replace(/(Fast|Pil)$/, '')
    .replace(/FeatureExtractor$/, 'ImageProcessor');
  const found = processorNames.find((known) => known === name);
  if (found) return found;
  throw new UnsupportedError(
    `${source}: image_processor_type ${JSON.stringify(given)} is not supported; known are ${processorNames.join(', ')}`,
    { imageProcessorType: given, known: processorNames },
  );
}

function channelsOf({ channels }: ImageReader, source: string): Channels {
  if (channels === 1 || channels === 3) return channels;
  throw new UnsupportedError(
    `${source}: the model reads images of ${channels} channels; files of images are read with 1 or 3`,
    { channels },
  );
}

interface Place {
  readonly reader: ImageReader;
  readonly channels: Channels;
  readonly source: string;
}

function stepsOf(file: Fields, kind: ProcessorKind, place: Place): PreprocessorSteps {
  const { source, channels } = place;
  const numbers = (field: 'image_mean' | 'image_std', usual: readonly number[]): readonly number[] => {
    const given = file[field] ?? (channels === usual.length ? usual : usual[0]!);
    const values = typeof given === 'number' ? Array.from({ length: channels }, () => given) : given;
    if (values.length === channels) return values;
    throw invalid(source, `has ${values.length} numbers in ${field}; the model reads ${channels} channels`);
  };
  const std = numbers('image_std', kind.std);
  if (std.includes(0)) throw invalid(source, 'has a 0 in image_std, by which pixels are divided');
  const doesCrop = file.do_center_crop ?? kind.crop !== null;
  const cut = doesCrop ? cropOf(file, kind, place) : null;
  const resized = (file.do_resize ?? true) ? resizeOf(file, kind, place) : { resize: null, crop: null };
  if (resized.crop && cut) {
    throw new UnsupportedError(`${source}: do_center_crop after the crop by crop_pct is not supported`, {
      option: 'do_center_crop',
    });
  }
  return {
    resize: resized.resize,
    resampling: typeof file.resample === 'number' ? resamplings[file.resample]! : kind.resampling,
    crop: cut ?? resized.crop,
    rescale: (file.do_rescale ?? true) ? (file.rescale_factor ?? 1 / 255) : null,
    normalize: (file.do_normalize ?? true) ? { mean: numbers('image_mean', kind.mean), std } : null,
  };
}

/** The size of a file, or what the kind has; a model of one size is the better guide where neither was written for it. */
function resizeOf(
  file: Fields,
  kind: ProcessorKind,
  { source, reader }: Place,
): Pick<PreprocessorSteps, 'resize' | 'crop'> {
  const size = sizeFields(file.size, kind) ?? usualSize(kind, reader);
  const edge = size['shortest_edge'];
  const { height, width } = size;
  const names = Object.keys(size).sort().join(', ');
  if (kind.cropShare !== null) {
    if (names !== 'shortest_edge')
      throw invalid(source, `needs shortest_edge in size, and has ${names || 'nothing'}`);
    const square = { height: edge!, width: edge! };
    // As transformers: from this size on the image is warped into the square.
    if (edge! >= 384) return { resize: square, crop: null };
    const share = file.crop_pct ?? kind.cropShare;
    return { resize: { shortestEdge: Math.trunc(edge! / share) }, crop: square };
  }
  if (names === 'shortest_edge') return { resize: { shortestEdge: edge! }, crop: null };
  if (names === 'height, width') return { resize: { height: height!, width: width! }, crop: null };
  throw new UnsupportedError(
    `${source}: size with ${names || 'nothing'} is not supported; give height and width, or shortest_edge`,
    { option: 'size' },
  );
}

function sizeFields(
  size: Fields['size'],
  { loneSize }: Pick<ProcessorKind, 'loneSize'>,
): Record<string, number> | null {
  if (size === null || size === undefined) return null;
  if (typeof size === 'number') {
    return loneSize === 'square' ? { height: size, width: size } : { shortest_edge: size };
  }
  if (Array.isArray(size)) return { height: size[0], width: size[1] };
  return Object.fromEntries(
    Object.entries(size).filter((entry): entry is [string, number] => entry[1] !== null),
  );
}

function usualSize(
  { size, crop, loneSize }: ProcessorKind,
  { imageSize }: ImageReader,
): Record<string, number> {
  if (crop || !imageSize || loneSize !== 'square') return { ...size };
  return { height: imageSize[0], width: imageSize[1] };
}

function cropOf(file: Fields, kind: ProcessorKind, { source, reader }: Place): ImageSize {
  const usual = reader.imageSize ? { height: reader.imageSize[0], width: reader.imageSize[1] } : kind.crop;
  const size = sizeFields(file.crop_size, { loneSize: 'square' }) ?? usual;
  const { height, width } = (size ?? {}) as Partial<ImageSize>;
  if (height === undefined || width === undefined) {
    throw invalid(source, 'needs height and width in crop_size for do_center_crop');
  }
  return { height, width };
}

function finalSize(
  { resize, crop }: PreprocessorSteps,
  { imageSize }: ImageReader,
  source: string,
): ImageSize {
  const made = crop ?? (resize && 'height' in resize ? resize : null);
  if (!imageSize) {
    if (made) return made;
    throw new UnsupportedError(
      `${source} leaves images in different sizes, which cannot be read together: set do_center_crop and crop_size`,
    );
  }
  const [height, width] = imageSize;
  if (made && (made.height !== height || made.width !== width)) {
    throw invalid(
      source,
      `makes images of ${made.width} x ${made.height} pixels, and image_size of config.json is ${width} x ${height}`,
    );
  }
  if (!made && resize) {
    throw new UnsupportedError(
      `${source} leaves images in different sizes, and the model reads ${width} x ${height}: set do_center_crop`,
    );
  }
  return { height, width };
}
