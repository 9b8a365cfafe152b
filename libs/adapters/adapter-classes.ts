/** The classes that an adapter was trained to tell apart: in a config.json beside its files, as transformers reads it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ADAPTER_FILES } from '#adapters/adapter.js';
import { KEY_PREFIX } from '#lora/target-module.js';
import { classifierConfigText } from '#models/classifier-config.js';
import type { Labelled, ModelConfig } from '#models/model-config.js';
import type { ModelFolder } from '#models/model-folder.js';
import { ADAPTER_LIMITS, readSafetensorsHeader } from '#models/safetensors.js';
import { trainedClasses, withClasses } from '#models/with-classes.js';

/** As much of a config.json as is read. */
const described = z.object({ id2label: z.record(z.string(), z.string()) });
const maxConfigBytes = 4 << 20;

/** The last layer of a head, as transformers names it, whose rows are the classes. */
const headKey = new RegExp(
  `^${KEY_PREFIX.replaceAll('.', '\\.')}(score|classifier|classifier\\.1|classifier\\.out_proj)\\.weight$`,
);

/**
 * Names of the classes of the adapter in a folder, in the order of its logits; undefined for adapters without a head. Where
 * nothing names them they are those of its base, `own`, if there are as many, else transformers' LABEL_0 and so on.
 *
 * Throws the errors of `readSafetensorsHeader`.
 */
export async function classesOfAdapter(
  folder: string,
  own: readonly string[] = [],
): Promise<readonly string[] | undefined> {
  const { tensors } = await readSafetensorsHeader(join(folder, ADAPTER_FILES.weights), ADAPTER_LIMITS);
  const size = [...tensors].find(([key]) => headKey.test(key))?.[1].shape[0];
  if (size === undefined) return undefined;
  const names = await namesIn(join(folder, ADAPTER_FILES.model));
  if (names?.length === size) return names;
  return own.length === size ? own : Array.from({ length: size }, (_, id) => `LABEL_${id}`);
}

/** The base model of an adapter as the adapter needs it: with a head of its classes, if it has one. */
export async function baseForAdapter(base: ModelFolder, folder: string): Promise<ModelFolder> {
  const classes = await classesOfAdapter(folder, trainedClasses(base));
  return classes ? withClasses(base, classes) : base;
}

async function namesIn(file: string): Promise<string[] | undefined> {
  try {
    const content = await readFile(file);
    if (content.length > maxConfigBytes) return undefined;
    const { id2label } = described.parse(JSON.parse(content.toString('utf8')));
    const names = Object.keys(id2label).map((_, id) => id2label[String(id)]);
    return names.every((name) => name !== undefined) ? names : undefined;
  } catch {
    // It is not the adapter's own: whoever put it there may have written anything.
    return undefined;
  }
}

/** The config.json that goes with adapters of a model that tells classes apart; undefined for other models. */
export async function classifierConfig({ folder, config, tree }: ModelFolder): Promise<string | undefined> {
  if (tree.head !== 'classify') return undefined;
  const text = await readFile(join(folder, 'config.json'), 'utf8');
  return classifierConfigText(text, config.architecture, (config as ModelConfig & Labelled).labels);
}
