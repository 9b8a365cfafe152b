/** What a format of exports is: one file beside this one for each, listed in registry.ts. */
import type { ExportDtype } from '#adapters/exports/declared.js';
import type { CompositionMember } from '#adapters/composition-members.js';

/** What is exported, and how. */
export interface ExportOrder {
  readonly baseFolder: string;
  /** The adapter, with weight 1. */
  readonly member: CompositionMember;
  /** The folder to make; it appears whole or not at all. */
  readonly output: string;
  readonly dtype: ExportDtype;
  /** Most bytes of tensors in one file; for formats with shards. */
  readonly maxShardBytes?: number;
  readonly onProgress?: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void;
  /** Aborting it rejects with its reason. */
  readonly signal?: AbortSignal;
}

export interface ExportFormat {
  /** Throws UnsupportedError for an adapter that the format cannot hold, and what reading and writing throw. */
  readonly write: (order: ExportOrder) => Promise<void>;
}
