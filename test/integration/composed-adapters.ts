/** Adapters of the small model of `startApi` with random factors, imported. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ADAPTER_FILES } from '#adapters/adapter.js';
import { writeAdapter } from '#adapters/write-adapter.js';
import { parseLoraConfig } from '#lora/config.js';
import type { TargetModule } from '#lora/target-module.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import { openModelFolder } from '#models/model-folder.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { BaseModel } from '#platform/database/entities/base-model.js';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import { newId } from '#platform/ids.js';
import type { Platform } from '#platform/platform.js';
import { type LayerShapes, randomAdapter } from '../random-adapters.js';

export interface StoredAdapterOptions {
  readonly seed: number;
  readonly r: number;
  readonly model?: string;
  readonly project?: string;
  readonly baseIdentity?: string;
  /** Layers by path, in place of the model's `q_proj` and `v_proj`. */
  readonly shapes?: LayerShapes;
}

/** Puts an adapter of rank `r` on the base model `model` into the store and the database; yields its id. */
export async function storeAdapter(
  { database, objects, configuration }: Platform,
  options: StoredAdapterOptions,
): Promise<string> {
  const { seed, r, model = 'tiny', project = 'default' } = options;
  const base = await database.manager.findOneByOrFail(BaseModel, { name: model });
  const { tree } = await openModelFolder(base.folder);
  const input = {
    r,
    lora_alpha: 2 * r,
    target_modules: options.shapes ? Object.keys(options.shapes) : ['q_proj', 'v_proj'],
    base_model_name_or_path: model,
  };
  const shapes = options.shapes ?? shapesOf(resolveTargetModules(tree, parseLoraConfig(input)).modules);
  const adapter = randomAdapter(seed, input, shapes);
  const id = newId('adapter');
  const folder = join(configuration.home, 'adapters-of-tests', id);
  await writeAdapter(folder, { config: adapter.config, modules: adapter.modules.values() });
  const files: ManifestFile[] = [];
  for (const path of (await readdir(folder)).sort()) {
    const { key, bytes, sha256 } = await objects.put(
      `adapters/${id}/${path}`,
      await readFile(join(folder, path)),
    );
    files.push({ path, key, bytes, sha256 });
  }
  const config: never = JSON.parse(await readFile(join(folder, ADAPTER_FILES.config), 'utf8')) as never;
  await database.manager.insert(Adapter, {
    id,
    projectId: project,
    name: `ft:${model}:${project}::${id}`,
    jobId: null,
    model,
    baseIdentity: options.baseIdentity ?? base.identity,
    config,
    files,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    sha256: files.find(({ path }) => path === ADAPTER_FILES.weights)!.sha256,
  });
  return id;
}

function shapesOf(modules: readonly TargetModule[]): LayerShapes {
  return Object.fromEntries(
    modules.map(({ path, outFeatures, inFeatures }) => [path, [outFeatures, inFeatures]]),
  );
}

/** Layers enough for a preview that takes seconds, in files that are written in no time. */
export const manyLayers: LayerShapes = Object.fromEntries(
  Array.from({ length: 112 }, (_, layer) => [`model.layers.${layer}.self_attn.q_proj`, [128, 128]]),
);

/** Adapters of the test: two of one base model, of ranks 4 and 3, and one of another. */
export interface ComposedAdapters {
  readonly a: string;
  readonly b: string;
  readonly unrelated: string;
}

const bothOf = ({ a, b }: ComposedAdapters) => [
  { adapter: a, weight: 0.7 },
  { adapter: b, weight: -0.3 },
];

/** Compositions that are refused: what is wrong, the body, the field and the code of the answer. */
export const refusedCompositions: readonly [
  what: string,
  body: (adapters: ComposedAdapters) => object,
  param: string,
  code: string,
][] = [
  ['no members', () => ({ members: [] }), 'members', 'invalid_request'],
  [
    'an unknown adapter',
    () => ({ members: [{ adapter: 'adapter-x', weight: 1 }] }),
    'members.0.adapter',
    'adapter_not_found',
  ],
  [
    'an unknown checkpoint',
    () => ({ members: [{ checkpoint: 'ftckpt_x', weight: 1 }] }),
    'members.0.checkpoint',
    'checkpoint_not_found',
  ],
  ['no id', () => ({ members: [{ weight: 1 }] }), 'members.0', 'invalid_request'],
  [
    'weights that are all 0',
    ({ a }) => ({ members: [{ adapter: a, weight: 0 }] }),
    'members',
    'weights_all_zero',
  ],
  ['a rank above the stack', (all) => ({ members: bothOf(all), rank: 8 }), 'rank', 'rank_above_stack'],
  [
    'an energy that is no share',
    (all) => ({ members: bothOf(all), energy: 1.5 }),
    'energy',
    'energy_invalid',
  ],
  ['rank and energy', (all) => ({ members: bothOf(all), energy: 0.5, rank: 2 }), 'energy', 'invalid_request'],
  [
    'another base model',
    (all) => ({ members: [...bothOf(all), { adapter: all.unrelated, weight: 1 }] }),
    'members',
    'base_mismatch',
  ],
  ['an unknown field', (all) => ({ members: bothOf(all), ranks: 8 }), 'ranks', 'invalid_request'],
];
