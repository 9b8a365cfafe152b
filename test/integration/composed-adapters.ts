/** Adapters of the small model of `startApi` with random factors, imported. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ADAPTER_FILES } from '#adapters/adapter.js';
import { writeAdapter } from '#adapters/write-adapter.js';
import { parseLoraConfig } from '#lora/config.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import { openModelFolder } from '#models/model-folder.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { BaseModel } from '#platform/database/entities/base-model.js';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import { newId } from '#platform/ids.js';
import type { Platform } from '#platform/platform.js';
import { randomAdapter } from '../random-adapters.js';

/** Puts an adapter of rank `r` on the base model `model` into the store and the database; yields its id. */
export async function storeAdapter(
  { database, objects, configuration }: Platform,
  options: { seed: number; r: number; model?: string; project?: string; baseIdentity?: string },
): Promise<string> {
  const { seed, r, model = 'tiny', project = 'default' } = options;
  const base = await database.manager.findOneByOrFail(BaseModel, { name: model });
  const { spec } = await openModelFolder(base.folder);
  const input = {
    r,
    lora_alpha: 2 * r,
    target_modules: ['q_proj', 'v_proj'],
    base_model_name_or_path: model,
  };
  const { modules } = resolveTargetModules(spec, parseLoraConfig(input));
  const shapes = Object.fromEntries(
    modules.map(({ path, outFeatures, inFeatures }) => [path, [outFeatures, inFeatures] as const]),
  );
  const adapter = randomAdapter(seed, input, shapes);
  const id = newId('adapter');
  const folder = join(configuration.home, 'adapters-of-tests', id);
  await writeAdapter(folder, { config: adapter.config, factors: adapter.modules });
  const files: ManifestFile[] = [];
  for (const path of Object.values(ADAPTER_FILES)) {
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
