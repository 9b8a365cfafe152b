import { Inject, Injectable } from '@nestjs/common';
import type { PushObject, PushRequest } from '#contracts/http/pushes.js';
import { isHubName, isListed } from '#hub/remote/hub-name.js';
import type { Caller } from '#jobs/api-keys.js';
import { adapterPush } from '#jobs/task-kinds/push.js';
import { Tasks } from '#jobs/tasks.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { Checkpoint, type ManifestFile } from '#platform/database/entities/checkpoint.js';
import { Metric } from '#platform/database/entities/metric.js';
import type { Task } from '#platform/database/entities/task.js';
import type { Platform } from '#platform/platform.js';
import { type FoundMember, Members } from '../compositions/members.service.js';
import { ApiError } from '../errors/api-error.js';
import { TaskResource } from '../tasks/task-resource.js';
import { viewTask } from '../tasks/task-view.js';
import { PLATFORM } from '../tokens.js';

/** Adapters uploaded to a hub by a worker, with the server's account there. */
@Injectable()
export class PushesService {
  readonly resource: TaskResource<PushInput, PushObject>;

  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(Tasks) tasks: Tasks,
    @Inject(Members) private readonly members: Members,
  ) {
    this.resource = new TaskResource(platform, tasks, adapterPush, {
      view: viewPush,
      route: 'pushes',
      codes: { notFound: 'push_not_found', finished: 'push_finished' },
    });
  }

  /** Throws ApiError `push_refused` where the server has no account or the project may not use it there. */
  async create(
    { projectId, role }: Pick<Caller, 'projectId' | 'role'>,
    request: PushRequest,
    idempotencyKey?: string,
  ): Promise<PushObject> {
    const { adapter, checkpoint, repository, base_model: asked } = request;
    const { token, allowPush } = this.platform.configuration.hub;
    if (role !== 'admin' && !isListed(repository, allowPush)) {
      throw refused(
        `projects may not write to ${repository} with the account of this server: an administrator can name it in LOWRANK_HUB_ALLOW_PUSH`,
      );
    }
    if (token === null) {
      throw refused(
        'this server has no account at the hub: start API and workers with a token with write access in HF_TOKEN',
      );
    }
    const member = await this.members.find(projectId, { adapter, checkpoint, weight: 1 }, '');
    const { id, kind, weight, model, baseIdentity } = member;
    const { files, metrics } = await this.contentOf(member);
    const base = asked ?? (isHubName(model) ? model : null);
    const input = {
      model,
      base_identity: baseIdentity,
      members: [{ id, kind, weight, files: [...files] }],
      repository,
      is_private: request.private,
      base,
      metrics,
    };
    return this.resource.create(projectId, { request, input, idempotencyKey });
  }

  /** All files, and what was measured last. */
  private async contentOf({
    id,
    kind,
    files,
  }: FoundMember): Promise<{ files: readonly ManifestFile[]; metrics: [string, string][] }> {
    const { manager } = this.platform.database;
    if (kind === 'checkpoint') {
      const { step } = await manager.findOneByOrFail(Checkpoint, { id });
      return { files, metrics: [['steps', String(step)]] };
    }
    const adapter = await manager.findOneByOrFail(Adapter, { id });
    const { jobId } = adapter;
    if (jobId === null) return { files: adapter.files, metrics: [] };
    const newest = (which: Metric['kind']) =>
      manager.findOne(Metric, { where: { jobId, kind: which }, order: { step: 'DESC' } });
    const [step, evaluation] = [await newest('step'), await newest('evaluation')];
    const rows: [string, unknown][] = [
      ['steps', step?.step],
      ['epochs', step?.values['epoch']],
      ['training loss', step?.values['loss']],
      ['validation loss', evaluation?.values['loss']],
      ['validation accuracy', evaluation?.values['accuracy']],
    ];
    const metrics = rows.flatMap(([name, value]): [string, string][] =>
      typeof value === 'number' ? [[name, String(Number(value.toPrecision(6)))]] : [],
    );
    return { files: adapter.files, metrics };
  }
}

type PushInput = ReturnType<typeof adapterPush.input.parse>;

const refused = (message: string) =>
  new ApiError('push_refused', `repository: ${message}`, { param: 'repository' });

function viewPush(task: Task, { model, members, repository, is_private, base }: PushInput): PushObject {
  const [member] = members;
  const { commit = null, url = null } = (task.report ?? {}) as { commit?: string; url?: string };
  return {
    ...viewTask(task),
    object: 'push',
    model,
    adapter: member?.kind === 'adapter' ? member.id : null,
    checkpoint: member?.kind === 'checkpoint' ? member.id : null,
    repository,
    private: is_private,
    base_model: base,
    commit,
    url,
  };
}
