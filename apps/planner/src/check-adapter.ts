/** Adapters that were trained elsewhere, held against their base model. */
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { classesOfAdapter } from '#adapters/adapter-classes.js';
import { ADAPTER_FILES, adapterNotes } from '#adapters/adapter.js';
import { completeCard, modelCard } from '#adapters/model-card.js';
import { openAdapter, readAdapter } from '#adapters/read-adapter.js';
import { readKohya } from '#adapters/read-kohya.js';
import { writeAdapterFiles } from '#adapters/write-adapter.js';
import { knownModel } from '#jobs/known-models.js';
import type { CheckedFolder } from '#jobs/planner-calls.js';
import type { ModelFolder } from '#models/model-folder.js';
import { trainedClasses, withClasses } from '#models/with-classes.js';
import { readModelOrigin } from '#models/model-origin.js';
import { lonelyFile } from './open-archive.js';

interface Base {
  readonly name: string;
  readonly folder: string;
  readonly identity: string;
}

/**
 * Layers, ranks and sizes must be those of the configuration and of the base model. The base model and its licence go with
 * the adapter: its files name them afterwards, whoever wrote these.
 */
export async function checkAdapter(folder: string, base: Base): Promise<CheckedFolder> {
  const known = await knownModel(base.folder, base.identity);
  await rewriteKohya(folder, known.base);
  const classes = (await classesOfAdapter(folder, trainedClasses(known.base))) ?? null;
  const model = classes ? withClasses(known.base, classes) : known.base;
  const notes = adapterNotes(await readAdapter(folder, { model: model.tree }));
  const file = join(folder, ADAPTER_FILES.config);
  const written = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  const isNamed = Boolean(written['base_model_name_or_path']);
  const config = isNamed ? written : { ...written, base_model_name_or_path: base.name };
  if (!isNamed) await writeFile(file, `${JSON.stringify(config, undefined, 2)}\n`);
  await completeReadme(folder, String(config['base_model_name_or_path']), base.folder);
  return { config, classes: classes && [...classes], notes };
}

/** Writes a file of kohya's tools as PEFT would have saved the same adapter. */
async function rewriteKohya(folder: string, base: ModelFolder): Promise<void> {
  const file = join(folder, lonelyFile);
  if (!(await stat(file).catch(() => null))) return;
  await writeAdapterFiles(folder, await readKohya(file, base, folder), folder);
  await rm(file);
}

async function completeReadme(folder: string, base: string, baseFolder: string): Promise<void> {
  const { licence } = await readModelOrigin(baseFolder);
  const file = join(folder, ADAPTER_FILES.card);
  const card = await readFile(file, 'utf8').catch(() => null);
  const completed =
    card === null
      ? modelCard((await openAdapter(folder)).config, { licence })
      : completeCard(card, { base, licence });
  if (completed !== card) await writeFile(file, completed);
}
