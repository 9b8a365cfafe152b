import { createReadStream } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import path from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { ADAPTER_FILES } from '#adapters/adapter.js';
import type { AdapterObject } from '#contracts/http/adapters.js';
import { adapterName } from '#jobs/endings.js';
import type { CheckedFolder } from '#jobs/planner-calls.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { BaseModel } from '#platform/database/entities/base-model.js';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import { newId } from '#platform/ids.js';
import type { Platform } from '#platform/platform.js';
import { ApiError, isCallers } from '../errors/api-error.js';
import { Planner } from '../planner/planner.service.js';
import { PLATFORM } from '../tokens.js';
import { receiveUpload, toDisk } from '../intake/receive-upload.js';
import { SpoolFolder, spoolRoot } from '../intake/spool-folder.js';
import { knownArchitectures, viewAdapter } from './adapter-view.js';

const suffixSyntax = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Adapters that were trained elsewhere: checked against their base model before anything of them is kept. */
@Injectable()
export class AdapterImports {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(Planner) private readonly planner: Planner,
  ) {}

  async import(projectId: string, request: IncomingMessage, signal: AbortSignal): Promise<AdapterObject> {
    const { home, maxFileBytes } = this.platform.configuration;
    await using spool = await SpoolFolder.make(spoolRoot(home));
    const archive = spool.file('archive');
    const { fields } = await receiveUpload(request, {
      write: toDisk(archive),
      maxBytes: maxFileBytes,
      fields: ['model', 'suffix'],
      onField: checkField,
    });
    const folder = spool.file('adapter');
    await mkdir(folder);
    const opened = { archive, folder, maxBytes: maxFileBytes };
    const named = await this.planner.openArchive(projectId, opened, signal);
    const base = await this.findBase(fields.get('model') ?? named);
    const checked = await this.check(projectId, folder, base, signal);
    // Before the folder goes.
    return await this.keep(projectId, { folder, ...checked, base, suffix: fields.get('suffix') ?? null });
  }

  /** Against the base model; its name and licence are then in the folder. */
  private async check(
    projectId: string,
    folder: string,
    base: BaseModel,
    signal: AbortSignal,
  ): Promise<CheckedFolder> {
    try {
      return await this.planner.checkAdapter(projectId, folder, base, signal);
    } catch (cause) {
      if (!isCallers(cause)) throw cause;
      // The folder is the server's own affair.
      const message = cause.message
        .replaceAll(`${folder}${path.sep}`, '')
        .replaceAll(folder, 'that was sent');
      throw new ApiError(cause.code, message, { param: 'file', cause });
    }
  }

  private async findBase(name: unknown): Promise<BaseModel> {
    const base =
      typeof name === 'string' ? await this.platform.database.manager.findOneBy(BaseModel, { name }) : null;
    if (base) return base;
    const shown = JSON.stringify(name ?? null).slice(0, 200);
    throw new ApiError(
      'model_not_found',
      `model: there is no base model ${shown} here; name the one that the adapter was trained on, GET /v1/models lists them`,
      { status: 400, param: 'model' },
    );
  }

  private async keep(
    projectId: string,
    { folder, config, classes, notes, base, suffix }: CheckedAdapter,
  ): Promise<AdapterObject> {
    const { objects, database } = this.platform;
    const id = newId('adapter');
    const files: ManifestFile[] = [];
    try {
      for (const name of (await readdir(folder)).sort()) {
        const { key, bytes, sha256 } = await objects.put(
          `adapters/${id}/${name}`,
          createReadStream(path.join(folder, name)),
        );
        files.push({ path: name, key, bytes, sha256 });
      }
      await database.manager.insert(Adapter, {
        id,
        projectId,
        name: adapterName({ model: base.name, projectId, suffix }, id),
        jobId: null,
        model: base.name,
        baseIdentity: base.identity,
        config: config as never,
        classes,
        notes: notes.length > 0 ? notes : null,
        files,
        bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
        sha256: files.find(({ path: name }) => name === ADAPTER_FILES.weights)!.sha256,
      });
    } catch (error) {
      for (const { key } of files) await objects.delete(key);
      throw error;
    }
    const { manager } = database;
    return viewAdapter(await manager.findOneByOrFail(Adapter, { id }), await knownArchitectures(manager));
  }
}

interface CheckedAdapter extends CheckedFolder {
  readonly folder: string;
  readonly base: BaseModel;
  readonly suffix: string | null;
}

function checkField(name: string, value: string): void {
  if (name !== 'suffix' || suffixSyntax.test(value)) return;
  const message = 'suffix: give at most 64 letters, digits, ".", "_" or "-", the first a letter or digit';
  throw new ApiError('invalid_request', message, { param: 'suffix' });
}
