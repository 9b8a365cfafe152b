/** The files that a chat needs, found on this machine or fetched. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { AdapterObject } from '#contracts/http/adapters.js';
import { getModel, listModels, verifyModel } from '#hub/model-registry.js';
import { LowrankError } from '#base/errors.js';
import { parseConfiguration } from '#platform/config.js';
import type { LowrankClient } from '#client/client.js';
import { fetchAdapter } from '../downloads/fetch-folder.js';
import { programRoot } from '#platform/program.js';
import { modelRegistry } from '../installation.js';

export interface ChatFiles {
  readonly base: string;
  readonly adapter: string | null;
  /** To be compared with the base's files; null if there is nothing to compare, or it was done before. */
  readonly baseIdentity: string | null;
}

export interface FindOptions {
  readonly client: LowrankClient;
  readonly environment: NodeJS.ProcessEnv;
  /** Folder of the base model, where the user names one. */
  readonly base?: string;
  readonly signal?: AbortSignal;
}

const configFile = 'config.json';
const adapterConfig = 'adapter_config.json';
const adapterWeights = 'adapter_model.safetensors';

/**
 * Finds what a reference means: a folder with a model or adapter, an adapter by id, name or job, or a base model's name.
 *
 * Throws LowrankError `base_folder_unknown` if the base model does not lie on this machine, `adapter_not_found`, and the
 * errors of the client.
 */
export async function findModel(reference: string, options: FindOptions): Promise<ChatFiles> {
  if (existsSync(join(reference, adapterConfig))) return adapterFolder(resolve(reference), options);
  if (existsSync(join(reference, configFile))) {
    return { base: resolve(reference), adapter: null, baseIdentity: null };
  }
  if (/^(adapter-|ftjob-|ft:)/.test(reference)) {
    const adapter = await options.client.adapters.find(reference);
    const base = await baseFolder(adapter.model, options);
    const folder = await cachedAdapter(adapter, options);
    const { base_identity: identity } = adapter;
    const isKnown = identity !== null && (await isRegistered(base, identity, options));
    return { base, adapter: folder, baseIdentity: isKnown ? null : identity };
  }
  return { base: await baseFolder(reference, options), adapter: null, baseIdentity: null };
}

async function adapterFolder(adapter: string, options: FindOptions): Promise<ChatFiles> {
  const config = JSON.parse(await readFile(join(adapter, adapterConfig), 'utf8')) as Record<string, unknown>;
  const name = config['base_model_name_or_path'];
  const base = await baseFolder(typeof name === 'string' ? name : '', options);
  return { base, adapter, baseIdentity: null };
}

async function baseFolder(name: string, options: FindOptions): Promise<string> {
  const { base, environment } = options;
  if (base !== undefined) return resolve(base);
  const bundled = join(programRoot, 'models', name);
  const candidates = name === '' ? [] : [name, bundled];
  const found = candidates.find((folder) => existsSync(join(folder, configFile)));
  if (found !== undefined) return resolve(found);
  const registered = await registeredFolder(name, environment);
  if (registered !== undefined && existsSync(join(registered, configFile))) return registered;
  throw new LowrankError(
    'base_folder_unknown',
    `the base model ${name || 'of this adapter'} is not found on this machine: name its folder with --base FOLDER`,
    { details: { model: name, registered } },
  );
}

/** Where the service of this machine has a base model. */
async function registeredFolder(name: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    return (await getModel(modelRegistry(parseConfiguration(environment)), name)).folder;
  } catch (error) {
    if (error instanceof LowrankError) return undefined;
    throw error;
  }
}

/** Whether the service has read this folder, found that identity, and its files look the same since. */
async function isRegistered(
  folder: string,
  identity: string,
  { environment }: FindOptions,
): Promise<boolean> {
  const { models } = await listModels(modelRegistry(parseConfiguration(environment)));
  const record = models.find((model) => model.folder === folder && model.identity === identity);
  if (!record) return false;
  return verifyModel(record).then(
    () => true,
    () => false,
  );
}

/** Fetched once: an adapter never changes. */
async function cachedAdapter(adapter: AdapterObject, options: FindOptions): Promise<string> {
  const { client, environment, signal } = options;
  const { home } = parseConfiguration(environment);
  const folder = join(home, 'cache', 'adapters', basename(adapter.id));
  if (await isWhole(folder, adapter)) return folder;
  try {
    await fetchAdapter(client, adapter, folder, { signal });
  } catch (error) {
    // Another chat may have been faster.
    if (!(await isWhole(folder, adapter))) throw error;
  }
  return folder;
}

async function isWhole(folder: string, { sha256 }: AdapterObject): Promise<boolean> {
  const weights = await readFile(join(folder, adapterWeights)).catch(() => undefined);
  return weights !== undefined && createHash('sha256').update(weights).digest('hex') === sha256;
}
