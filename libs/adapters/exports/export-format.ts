/** What a format of exports is: one file beside this one for each, listed in registry.ts. */
import type { ExportDtype } from '#adapters/exports/declared.js';
import type { CompositionMember } from '#adapters/composition-members.js';

/** What is exported. */
export interface ExportMaterial {
  readonly baseFolder: string;
  /** The adapter, with weight 1. */
  readonly member: CompositionMember;
  /** Aborting it rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What is exported, and how. */
export interface ExportOrder extends ExportMaterial {
  /** The folder to make; it appears whole or not at all. */
  readonly output: string;
  readonly dtype: ExportDtype;
  /** Most bytes of tensors in one file; for formats with shards. */
  readonly maxShardBytes?: number;
  readonly onProgress?: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void;
}

export interface ExportFormat {
  /**
   * Throws UnsupportedError for an adapter that the format cannot hold, with the export that would do, and what opening the
   * base throws. Nothing is written, and no weights of the base are read.
   */
  readonly check: (material: ExportMaterial) => Promise<void>;
  /** Throws what `check` throws, and what reading and writing throw. */
  readonly write: (order: ExportOrder) => Promise<void>;
}
