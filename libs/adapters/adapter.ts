import { LowrankError } from '#jit/errors.js';
import type { LoraConfig } from '#lora/config.js';
import type { TargetModule } from '#lora/target-modules.js';

/** The two trained factors of one linear layer, row by row. */
export interface LoraFactors {
  /** f32 [r, inFeatures] */
  readonly A: Float32Array;
  /** f32 [outFeatures, r] */
  readonly B: Float32Array;
}

/** One adapted layer of an adapter: y = W x + scale * B (A x). */
export interface AdapterModule extends TargetModule, LoraFactors {}

/** A LoRA adapter in memory. */
export interface Adapter {
  readonly config: LoraConfig;
  /** By the path of the adapted layer. */
  readonly modules: ReadonlyMap<string, AdapterModule>;
  /** The free texts in the header of the weight file. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Fields of adapter_config.json that mean nothing here. */
  readonly ignoredFields: readonly string[];
}

/** Names of the files of an adapter in PEFT's save format. */
export const ADAPTER_FILES = {
  config: 'adapter_config.json',
  weights: 'adapter_model.safetensors',
  card: 'README.md',
} as const;

/** A folder that is no sound adapter; `code` says why, every tensor concerned is named. */
export class AdapterError extends LowrankError {
  constructor(
    code: string,
    folder: string,
    problem: string,
    options: { details?: Readonly<Record<string, unknown>>; cause?: unknown } = {},
  ) {
    super(code, `adapter ${folder}: ${problem}`, {
      cause: options.cause,
      details: { folder, ...options.details },
    });
  }
}

/** The index of the first NaN or infinity, or -1. */
export function firstNonFinite(values: Float32Array): number {
  return values.findIndex((value) => !Number.isFinite(value));
}
