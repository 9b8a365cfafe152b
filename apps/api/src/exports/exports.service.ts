import { Inject, Injectable, type StreamableFile } from '@nestjs/common';
import type { z } from 'zod';
import { declaredExport } from '#adapters/exports/declared.js';
import type { exportListQuery, ExportObject, ExportRequest } from '#contracts/http/compositions.js';
import type { Page } from '#contracts/http/pages.js';
import { versionOf } from '#jobs/base-model-versions.js';
import { adapterExport } from '#jobs/task-kinds/export.js';
import { Tasks } from '#jobs/tasks.js';
import type { Task } from '#platform/database/entities/task.js';
import type { Platform } from '#platform/platform.js';
import { Members } from '../compositions/members.service.js';
import { ApiError, blaming } from '../errors/api-error.js';
import { attachment } from '../http/attachment.js';
import type { Download } from '../http/downloads.js';
import { Planner } from '../planner/planner.service.js';
import { TaskResource } from '../tasks/task-resource.js';
import { viewTask } from '../tasks/task-view.js';
import { PLATFORM } from '../tokens.js';

/** As much as the hub puts into one file. */
const usualShardBytes = 5e9;

/** Adapters in other formats and merged models: made by a worker, fetched file by file. */
@Injectable()
export class ExportsService {
  readonly resource: TaskResource<ExportInput, ExportObject>;

  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(Tasks) tasks: Tasks,
    @Inject(Members) private readonly members: Members,
    @Inject(Planner) private readonly planner: Planner,
  ) {
    this.resource = new TaskResource(platform, tasks, adapterExport, {
      view: viewExport,
      route: 'exports',
      codes: { notFound: 'export_not_found', finished: 'export_finished' },
    });
  }

  /** What a worker would refuse is refused now. */
  async create(
    projectId: string,
    request: ExportRequest,
    untilGone: AbortSignal,
    idempotencyKey?: string,
  ): Promise<ExportObject> {
    const { adapter, checkpoint, format } = request;
    const { dtypes, hasShards } = declaredExport(format);
    const member = await this.members.find(projectId, { adapter, checkpoint, weight: 1 }, '');
    const { manager } = this.platform.database;
    const base = await versionOf(manager, { name: member.model, identity: member.baseIdentity });
    if (!base) {
      throw new ApiError(
        'base_changed',
        `${member.kind}: ${member.id} was trained on ${member.model} ${member.baseIdentity}, which is not registered here: register that model again`,
        { param: member.kind },
      );
    }
    await blaming(member.kind, () =>
      this.members.withFolders([member], untilGone, ([folder]) => {
        const order = { member: folder!, baseFolder: base.folder, format };
        return this.planner.checkExport(projectId, order, untilGone);
      }),
    );
    const { id, kind, weight, files, model, baseIdentity } = member;
    const input = {
      model,
      base_identity: baseIdentity,
      members: [{ id, kind, weight, files: [...files] }],
      format,
      dtype: request.dtype ?? dtypes[0]!,
      max_shard_bytes: hasShards ? (request.max_shard_bytes ?? usualShardBytes) : null,
    };
    return this.resource.create(projectId, { request, input, idempotencyKey });
  }

  async list(projectId: string, query: z.output<typeof exportListQuery>): Promise<Page<ExportObject>> {
    const { adapter } = query;
    return this.resource.list(projectId, query, (rows) => {
      if (adapter === undefined) return;
      const input = { members: [{ kind: 'adapter', id: adapter }] };
      rows.andWhere('row.input @> :input::jsonb', { input: JSON.stringify(input) });
    });
  }

  async file(
    projectId: string,
    id: string,
    name: string,
    download: Download,
  ): Promise<StreamableFile | undefined> {
    const { files, state, finishedAt } = await this.resource.find(projectId, id);
    const file = files?.find(({ path }) => path === name);
    if (!file) {
      const names = files?.map(({ path }) => path).join(', ');
      const message = `the export ${id} has no file of this name; it ${names ? `has ${names}` : `is ${state}`}`;
      throw new ApiError('file_not_found', message, { param: 'name' });
    }
    const served = { pieces: [file], modifiedAt: finishedAt, disposition: attachment(name) };
    return download.answer(served, this.platform);
  }
}

type ExportInput = z.output<typeof adapterExport.input>;

function viewExport(
  task: Task,
  { model, members, format, dtype, max_shard_bytes }: ExportInput,
): ExportObject {
  const [member] = members;
  const files = task.files ?? [];
  return {
    ...viewTask(task),
    object: 'export',
    model,
    adapter: member?.kind === 'adapter' ? member.id : null,
    checkpoint: member?.kind === 'checkpoint' ? member.id : null,
    format,
    dtype,
    max_shard_bytes,
    files: files.map(({ path, bytes, sha256 }) => ({ name: path, bytes, sha256 })),
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
