/** How exports are made, a line for each format of declared.ts. */
import type { ExportFormatName } from '#adapters/exports/declared.js';
import type { ExportFormat } from '#adapters/exports/export-format.js';
import { archive } from '#adapters/exports/archive.js';
import { ggufAdapter } from '#adapters/exports/gguf-adapter.js';
import { kohya } from '#adapters/exports/kohya.js';
import { mergedGguf } from '#adapters/exports/merged-gguf.js';
import { merged } from '#adapters/exports/merged.js';
import { portable } from '#adapters/exports/portable.js';

export const exportFormats: Readonly<Record<ExportFormatName, ExportFormat>> = {
  merged,
  'merged-gguf': mergedGguf,
  gguf: ggufAdapter,
  kohya,
  archive,
  portable,
};
