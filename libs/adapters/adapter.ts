import type { ErrorCode } from '#base/error-codes.js';
import { LowrankError } from '#base/errors.js';
import type { LoraConfig } from '#lora/config.js';
import type { ModuleNumbers, TargetModule } from '#lora/target-module.js';

/** One layer that an adapter changes, with the numbers of its tensors. */
export interface AdapterModule extends TargetModule {
  readonly numbers: ModuleNumbers;
}

/** A LoRA adapter in memory. */
export interface Adapter {
  readonly config: LoraConfig;
  /** By the path of the adapted layer. */
  readonly modules: ReadonlyMap<string, AdapterModule>;
  /** The free texts in the header of the weight file. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Fields of adapter_config.json that mean nothing here. */
  readonly ignoredFields: readonly string[];
  /** Layers of the model that the configuration names and the file has no factors for: they are as in the base. */
  readonly missing: readonly TargetModule[];
}

const maxNamed = 4;

/** What people should know of an adapter that was read: sentences without a full stop. */
export function adapterNotes({
  ignoredFields,
  missing,
}: Pick<Adapter, 'ignoredFields' | 'missing'>): string[] {
  const notes: string[] = [];
  if (ignoredFields.length > 0) {
    const fields = ignoredFields.join(', ');
    notes.push(`${ADAPTER_FILES.config} has fields that are not known here and were ignored: ${fields}`);
  }
  if (missing.length > 0) {
    const named = missing.slice(0, maxNamed).map(({ path }) => path);
    const more = missing.length > maxNamed ? ` and ${missing.length - maxNamed} more` : '';
    notes.push(
      `${missing.length} of the layers that its configuration names have no factors in ${ADAPTER_FILES.weights} and stay as in the base model: ${named.join(', ')}${more}`,
    );
  }
  return notes;
}

/** An adapter whose numbers are read one layer at a time, for work on more of them than memory should hold. */
export interface AdapterSource {
  /** What messages call it: its folder, or a name of the caller's. */
  readonly name: string;
  readonly config: LoraConfig;
  /** Of the base model, as the adapter's card names it. */
  readonly licence?: string | null;
  /** Names of the classes of the head that it brings, if it does. */
  readonly classes?: readonly string[] | undefined;
  /** By the path of the adapted layer. */
  readonly modules: ReadonlyMap<string, TargetModule>;
  /** The numbers of the layer at one of the paths of `modules`, not to be written to. */
  readonly readNumbers: (path: string) => Promise<ModuleNumbers>;
}

/** An adapter in a folder whose headers have been read and found to fit each other. */
export interface OpenAdapter extends AdapterSource {
  readonly metadata: Adapter['metadata'];
  readonly ignoredFields: Adapter['ignoredFields'];
  readonly missing: Adapter['missing'];
}

/** An adapter in memory as a source; its numbers are not copied. */
export function adapterSource(name: string, { config, modules }: Adapter): AdapterSource {
  return { name, config, modules, readNumbers: (path) => Promise.resolve(modules.get(path)!.numbers) };
}

/** Names of the files of an adapter in PEFT's save format. */
export const ADAPTER_FILES = {
  config: 'adapter_config.json',
  weights: 'adapter_model.safetensors',
  card: 'README.md',
  /** Of the model with the head that was trained, for adapters that tell classes apart. */
  model: 'config.json',
} as const;

/** A folder that is no sound adapter; `code` says why, every tensor concerned is named. */
export class AdapterError extends LowrankError {
  constructor(
    code: ErrorCode,
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
function firstNonFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i]!)) return i;
  return -1;
}

/** Throws AdapterError `adapter_not_finite` with the tensor and the place. */
export function checkFinite(folder: string, { tensors }: TargetModule, numbers: ModuleNumbers): void {
  for (const { role, key } of tensors) {
    const values = numbers[role]!;
    const at = firstNonFinite(values);
    if (at < 0) continue;
    throw new AdapterError('adapter_not_finite', folder, `${key} holds ${values[at]} at ${at}`, {
      details: { tensor: key, index: at },
    });
  }
}
