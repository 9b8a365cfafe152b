/** The base models of this server: a row for each, and a record of its files' hashes in the home. */
import path from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { type EntityManager, In, IsNull, Not } from 'typeorm';
import { hasChatTemplate } from '#data/template-sources.js';
import type { HashOptions } from '#hub/model-identity.js';
import { describeModel, getModel, type ModelRecord, saveModel, verifyModel } from '#hub/model-registry.js';
import { removeSnapshot, snapshotOf } from '#hub/remote/hub-cache.js';
import { LowrankError } from '#base/errors.js';
import { currentVersion, versionOf } from '#jobs/base-model-versions.js';
import { BaseModel } from '#platform/database/entities/base-model.js';
import { Job, terminalStates } from '#platform/database/entities/job.js';
import type { Platform } from '#platform/platform.js';
import { type BasePrecision, defaultPrecision } from '#training/base-precision/declared.js';
import { ApiError } from '../errors/api-error.js';
import { PLATFORM } from '../tokens.js';

export interface RegisterRequest extends HashOptions {
  readonly name?: string;
  readonly replace?: boolean;
  /** In what numbers it answers. */
  readonly precision?: BasePrecision;
  /** Whether the name stays with the version that has it, if one does. */
  readonly isBeside?: boolean;
}

interface WriteOptions {
  readonly bundled: boolean;
  readonly replace: boolean;
  readonly precision?: BasePrecision;
  readonly isBeside?: boolean;
}

@Injectable()
export class BaseModels {
  private readonly registry: string;
  /** Models that were found to have a chat template, by identity and folder. */
  private readonly withTemplate = new Set<string>();

  constructor(@Inject(PLATFORM) private readonly platform: Platform) {
    this.registry = path.join(platform.configuration.home, 'models');
  }

  /**
   * Reads the whole model and gives it a name that jobs can use. Changes nothing if it throws: the errors of
   * `describeModel` and `saveModel`, LowrankError `model_name_taken` if the name stands for another model and `replace`
   * does not say so.
   */
  async register(
    folder: string,
    { name, replace = false, isBeside = false, precision, ...options }: RegisterRequest,
  ): Promise<BaseModel> {
    const record = await describeModel(folder, { ...options, name });
    return this.write(record, { bundled: false, replace, isBeside, precision });
  }

  /**
   * Registers a model that came with the program; reads it only if its files look changed since the last time. What an
   * administrator put in its place, or removed, stays so.
   */
  async registerBundled(folder: string): Promise<void> {
    const record = (await this.known(folder)) ?? (await describeModel(folder));
    const { manager } = this.platform.database;
    const current = await currentVersion(manager, record.name);
    if (current ? !current.bundled : (await versionOf(manager, record)) !== null) return;
    await this.write(record, { bundled: true, replace: true });
  }

  /**
   * Takes a name away from new jobs; false if nothing has it. Jobs and adapters that were made with it keep it, unless its
   * `files` go too: then prompts and further trainings with them need the model to be registered again.
   *
   * Throws ApiError 409 `model_in_use` where jobs still need the files, and 400 for files that no hub gave.
   */
  async remove(name: string, { files = false }: { readonly files?: boolean } = {}): Promise<boolean> {
    const { manager } = this.platform.database;
    const model = files ? await currentVersion(manager, name) : null;
    if (model) await this.requireRemovable(model);
    const isRemoved = await retire(manager, name);
    if (isRemoved && model) await removeSnapshot(model.folder);
    return isRemoved;
  }

  /** Whether the files are those that this server read when the model was registered, by their sizes and times. */
  async isUnchanged({ name, folder, identity }: BaseModel): Promise<boolean> {
    try {
      const record = await getModel(this.registry, name);
      if (record.folder !== folder || record.identity !== identity) return false;
      await verifyModel(record);
      return true;
    } catch (error) {
      if (!(error instanceof LowrankError)) throw error;
      return false;
    }
  }

  /** Whether conversations can be shown to a model; false too if its folder cannot be read. */
  async hasChatTemplate({ folder, identity }: BaseModel): Promise<boolean> {
    const key = `${identity} ${folder}`;
    if (this.withTemplate.has(key)) return true;
    const has = await hasChatTemplate(folder).catch(() => false);
    // A folder that cannot be read today can be tomorrow.
    if (has) this.withTemplate.add(key);
    return has;
  }

  private async requireRemovable({ name, folder, identity }: BaseModel): Promise<void> {
    const { cache } = this.platform.configuration.hub;
    const isFetched = snapshotOf(folder) !== null && !path.relative(cache, folder).startsWith('..');
    if (!isFetched) {
      const message = `files: ${name} lies in ${folder}, which no hub filled: remove it by hand, and the name here without files`;
      throw new ApiError('model_folder_not_allowed', message, { param: 'files' });
    }
    const { manager } = this.platform.database;
    const state = Not(In(terminalStates));
    const job = await manager.findOneBy(Job, { model: name, baseIdentity: identity, state });
    const others = await manager.findBy(BaseModel, { folder, replacedAt: IsNull(), name: Not(name) });
    const user = job ? `the job ${job.id}` : others[0] && `the base model ${others[0].name}`;
    if (user === undefined) return;
    throw new ApiError('model_in_use', `files: ${user} needs the files of ${name}`, { param: 'files' });
  }

  /** The row first: it may refuse. */
  private async write(record: ModelRecord, options: WriteOptions): Promise<BaseModel> {
    return this.platform.database.transaction(async (manager) => {
      const model = await writeRow(manager, record, options);
      // Models whose rows are elsewhere must not stop this one: what counts is the row.
      if (model.replacedAt === null) await saveModel(this.registry, record, { replace: true });
      return model;
    });
  }

  private async known(folder: string): Promise<ModelRecord | undefined> {
    try {
      const record = await getModel(this.registry, path.basename(folder));
      return record.folder === folder ? await verifyModel(record) : undefined;
    } catch (error) {
      if (!(error instanceof LowrankError)) throw error;
      return undefined;
    }
  }
}

/** The row of a version, as the current one of its name. */
async function writeRow(
  manager: EntityManager,
  { name, folder, identity, architecture, parameterCount }: ModelRecord,
  { bundled, replace, isBeside = false, precision = defaultPrecision }: WriteOptions,
): Promise<BaseModel> {
  // Of several who take a name at once, one is first.
  await manager.query('SELECT pg_advisory_xact_lock(hashtext($1))', [`base model ${name}`]);
  const current = await currentVersion(manager, name);
  const isOther = current !== null && current.identity !== identity;
  if (isOther && !isBeside) {
    if (!replace) {
      throw new LowrankError(
        'model_name_taken',
        `the name ${name} is taken by ${current.identity} in ${current.folder}: register ${folder} under another name, or replace it`,
        { details: { name, existing: current.identity, identity } },
      );
    }
    await retire(manager, name);
  }
  const known = await versionOf(manager, { name, identity });
  const isBundled = bundled || (known !== null && known.bundled && known.folder === folder);
  const row = {
    name,
    identity,
    folder,
    architecture,
    parameters: parameterCount,
    bundled: isBundled,
    precision,
  };
  const replacedAt = isOther && isBeside ? new Date() : null;
  await manager.upsert(BaseModel, { ...row, replacedAt }, ['name', 'identity']);
  return manager.findOneByOrFail(BaseModel, { name, identity });
}

/** Jobs and adapters that have the version keep it. */
async function retire(manager: EntityManager, name: string): Promise<boolean> {
  const { affected } = await manager.update(
    BaseModel,
    { name, replacedAt: IsNull() },
    { replacedAt: () => 'now()' },
  );
  return affected !== 0;
}
