/** The image processors of transformers that are done, and what each does where preprocessor_config.json is silent. */
import type { Resampling } from '#images/resample.js';

/** How a number alone gives a size. */
type LoneSize = 'square' | 'shortest edge';

export interface ProcessorKind {
  readonly loneSize: LoneSize;
  readonly size: Readonly<Record<string, number>>;
  readonly resampling: Resampling;
  readonly crop: { readonly height: number; readonly width: number } | null;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Share of the resized image that is left by a crop of its own, below 384 pixels; null = it has none. */
  readonly cropShare: number | null;
}

const half = [0.5, 0.5, 0.5];

export const processorKinds = {
  ViTImageProcessor: {
    loneSize: 'square',
    size: { height: 224, width: 224 },
    resampling: 'bilinear',
    crop: null,
    mean: half,
    std: half,
    cropShare: null,
  },
  DeiTImageProcessor: {
    loneSize: 'square',
    size: { height: 256, width: 256 },
    resampling: 'bicubic',
    crop: { height: 224, width: 224 },
    mean: half,
    std: half,
    cropShare: null,
  },
  ConvNextImageProcessor: {
    loneSize: 'shortest edge',
    size: { shortest_edge: 384 },
    resampling: 'bicubic',
    crop: null,
    mean: half,
    std: half,
    cropShare: 224 / 256,
  },
  BitImageProcessor: {
    loneSize: 'shortest edge',
    size: { shortest_edge: 224 },
    resampling: 'bicubic',
    crop: { height: 224, width: 224 },
    mean: [0.48145466, 0.4578275, 0.40821073],
    std: [0.26862954, 0.26130258, 0.27577711],
    cropShare: null,
  },
} as const satisfies Readonly<Record<string, ProcessorKind>>;

export type ProcessorName = keyof typeof processorKinds;
export const processorNames = Object.keys(processorKinds) as ProcessorName[];
