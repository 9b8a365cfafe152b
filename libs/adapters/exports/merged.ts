/** An adapter merged into its base model, in safetensors, as transformers saves a model. */
import { exportMerged } from '#adapters/export-merged.js';
import type { ExportFormat } from '#adapters/exports/export-format.js';
import { mergedWeights } from '#adapters/merged-weights.js';
import type { ExportDtype } from '#models/write-model-folder.js';

export const merged: ExportFormat = {
  async check({ baseFolder, member, signal }) {
    await mergedWeights(baseFolder, [member], signal);
  },
  async write({ baseFolder, member, output, dtype, ...options }) {
    await exportMerged(baseFolder, [member], output, { ...options, dtype: dtype as ExportDtype });
  },
};
