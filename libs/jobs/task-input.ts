/** What a composition or an export is made from, as its row keeps it. */
import type { CompositionForm } from '#adapters/composition-recipe.js';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import type { Task } from '#platform/database/entities/task.js';
import type { ExportDtype } from '#models/write-model-folder.js';

/** An adapter or the adapter in a checkpoint; its files stay in the store until the task is over. */
export interface TaskMember {
  readonly id: string;
  readonly kind: 'adapter' | 'checkpoint';
  readonly weight: number;
  readonly files: readonly ManifestFile[];
}

export interface TaskInput {
  readonly model: string;
  readonly base_identity: string;
  readonly members: readonly TaskMember[];
}

export interface CompositionInput extends TaskInput {
  readonly form: CompositionForm;
  readonly suffix: string | null;
}

export interface ExportInput extends TaskInput {
  readonly dtype: ExportDtype;
  readonly max_shard_bytes: number;
}

/** The input of a row that is a composition. */
export function compositionInput({ input }: Pick<Task, 'input'>): CompositionInput {
  return input as unknown as CompositionInput;
}

/** The input of a row that is an export. */
export function exportInput({ input }: Pick<Task, 'input'>): ExportInput {
  return input as unknown as ExportInput;
}
