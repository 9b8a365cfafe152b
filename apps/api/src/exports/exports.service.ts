import { Inject, Injectable, type StreamableFile } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { z } from 'zod';
import type { exportListQuery, ExportObject, ExportRequest } from '#contracts/http/compositions.js';
import type { Deleted, Page } from '#contracts/http/pages.js';
import { versionOf } from '#jobs/base-model-versions.js';
import { Tasks } from '#jobs/tasks.js';
import { Task } from '#platform/database/entities/task.js';
import type { Platform } from '#platform/platform.js';
import { taskFinished, viewExport } from '../compositions/composition-view.js';
import { Members } from '../compositions/members.service.js';
import { ApiError, notFound } from '../errors/api-error.js';
import { attachment } from '../http/attachment.js';
import type { Download } from '../http/downloads.js';
import { once } from '../http/idempotency.js';
import { keysetPage } from '../http/keyset-page.js';
import { PLATFORM } from '../tokens.js';

/** Merged models: made by a worker, fetched file by file. */
@Injectable()
export class ExportsService {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(Tasks) private readonly tasks: Tasks,
    @Inject(Members) private readonly members: Members,
  ) {}

  async create(projectId: string, request: ExportRequest, idempotencyKey?: string): Promise<ExportObject> {
    const { adapter, checkpoint, dtype, max_shard_bytes } = request;
    const member = await this.members.find(projectId, { adapter, checkpoint, weight: 1 }, '');
    const { manager } = this.platform.database;
    if (!(await versionOf(manager, { name: member.model, identity: member.baseIdentity }))) {
      throw new ApiError(
        'base_changed',
        `${member.kind}: ${member.id} was trained on ${member.model} ${member.baseIdentity}, which is not registered here: register that model again`,
        { param: member.kind },
      );
    }
    const { id, kind, weight, files, model, baseIdentity } = member;
    const input = {
      model,
      base_identity: baseIdentity,
      members: [{ id, kind, weight, files }],
      dtype,
      max_shard_bytes,
    };
    const make = async (manager?: EntityManager) =>
      viewExport(await this.tasks.createExport(projectId, input, manager));
    return once(this.platform.database, { projectId, key: idempotencyKey, route: 'exports', request }, make);
  }

  async list(projectId: string, query: z.output<typeof exportListQuery>): Promise<Page<ExportObject>> {
    const rows = this.rows(projectId);
    if (query.adapter !== undefined) {
      const input = { members: [{ kind: 'adapter', id: query.adapter }] };
      rows.andWhere('row.input @> :input::jsonb', { input: JSON.stringify(input) });
    }
    return keysetPage(rows, this.owned(projectId), query, viewExport);
  }

  async get(projectId: string, id: string): Promise<ExportObject> {
    return viewExport(await this.find(projectId, id));
  }

  async file(
    projectId: string,
    id: string,
    name: string,
    download: Download,
  ): Promise<StreamableFile | undefined> {
    const { files, state, finishedAt } = await this.find(projectId, id);
    const file = files?.find(({ path }) => path === name);
    if (!file) {
      const names = files?.map(({ path }) => path).join(', ');
      const message = `the export ${id} has no file of this name; it ${names ? `has ${names}` : `is ${state}`}`;
      throw new ApiError('file_not_found', message, { param: 'name' });
    }
    const served = { pieces: [file], modifiedAt: finishedAt, disposition: attachment(name) };
    return download.answer(served, this.platform);
  }

  /** Stops it where it waits or is made; one that is over cannot be cancelled any more. */
  async cancel(projectId: string, id: string): Promise<ExportObject> {
    const isCancelled = await this.tasks.cancel('export', projectId, id);
    const task = await this.find(projectId, id);
    if (!isCancelled && task.state !== 'cancelled') throw taskFinished(task);
    return viewExport(task);
  }

  /** Stops it where it is being made; the bytes go with the next sweep. */
  async delete(projectId: string, id: string): Promise<Deleted> {
    if (!(await this.tasks.remove('export', projectId, id))) throw notFound('export', id);
    return { id, object: 'export', deleted: true };
  }

  private rows(projectId: string) {
    return this.owned(projectId).andWhere('row.deletedAt IS NULL');
  }

  private owned(projectId: string) {
    return this.platform.database.manager
      .createQueryBuilder(Task, 'row')
      .where("row.projectId = :projectId AND row.kind = 'export'", { projectId });
  }

  private async find(projectId: string, id: string): Promise<Task> {
    const task = await this.rows(projectId).andWhere('row.id = :id', { id }).getOne();
    if (!task) throw notFound('export', id);
    return task;
  }
}
