import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { z } from 'zod';
import type { CompositionForm } from '#adapters/composition-recipe.js';
import { checkForm } from '#adapters/composition-recipe.js';
import { checkWeights, CompositionError, stackMembers } from '#adapters/composition-members.js';
import type {
  CompositionObject,
  CompositionPreview,
  CompositionRequest,
  taskListQuery,
} from '#contracts/http/compositions.js';
import type { Deleted, Page } from '#contracts/http/pages.js';
import { Tasks } from '#jobs/tasks.js';
import { Task } from '#platform/database/entities/task.js';
import type { Platform } from '#platform/platform.js';
import { ApiError, notFound } from '../errors/api-error.js';
import { once } from '../http/idempotency.js';
import { keysetPage } from '../http/keyset-page.js';
import { PLATFORM } from '../tokens.js';
import { taskFinished, viewComposition, viewMember } from './composition-view.js';
import { type FoundMember, Members } from './members.service.js';
import { Previews } from './previews.service.js';
import { refusing } from './refusals.js';

/** Compositions: previewed at once, baked by a worker. */
@Injectable()
export class CompositionsService {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(Tasks) private readonly tasks: Tasks,
    @Inject(Members) private readonly members: Members,
    @Inject(Previews) private readonly previews: Previews,
  ) {}

  async create(
    projectId: string,
    request: CompositionRequest,
    untilGone: AbortSignal,
    idempotencyKey?: string,
  ): Promise<CompositionObject | CompositionPreview> {
    const form = formOf(request);
    const members: FoundMember[] = [];
    for (const [index, member] of request.members.entries()) {
      members.push(await this.members.find(projectId, member, `members.${index}`));
    }
    if (request.preview) return this.preview(members, form, untilGone);
    await refusing(() => this.check(members, form));
    const [{ model, baseIdentity }] = members as [FoundMember];
    const input = {
      model,
      base_identity: baseIdentity,
      members: members.map(({ id, kind, weight, files }) => ({ id, kind, weight, files })),
      form,
      suffix: request.suffix ?? null,
    };
    const make = async (manager?: EntityManager) =>
      viewComposition(await this.tasks.createComposition(projectId, input, manager));
    const identity = { projectId, key: idempotencyKey, route: 'compositions', request };
    return once(this.platform.database, identity, make);
  }

  async list(projectId: string, query: z.output<typeof taskListQuery>): Promise<Page<CompositionObject>> {
    return keysetPage(this.rows(projectId), this.owned(projectId), query, viewComposition);
  }

  async get(projectId: string, id: string): Promise<CompositionObject> {
    return viewComposition(await this.find(projectId, id));
  }

  /** Stops it where it waits or is baked; one that is over cannot be cancelled any more. */
  async cancel(projectId: string, id: string): Promise<CompositionObject> {
    const isCancelled = await this.tasks.cancel('composition', projectId, id);
    const task = await this.find(projectId, id);
    if (!isCancelled && task.state !== 'cancelled') throw taskFinished(task);
    return viewComposition(task);
  }

  /** Stops it where it is baked; an adapter that it became is an adapter like any other, and stays. */
  async delete(projectId: string, id: string): Promise<Deleted> {
    if (!(await this.tasks.remove('composition', projectId, id))) throw notFound('composition', id);
    return { id, object: 'composition', deleted: true };
  }

  private async preview(
    members: readonly FoundMember[],
    form: CompositionForm,
    untilGone: AbortSignal,
  ): Promise<CompositionPreview> {
    const weights = members.map(({ weight }) => weight);
    const report = await refusing(() => {
      requireWeight(weights);
      checkWeights(
        weights,
        members.map(({ id }) => id),
      );
      return this.previews.report(members, form, untilGone);
    });
    return {
      object: 'composition.preview',
      model: members[0]!.model,
      members: members.map(viewMember),
      report,
    };
  }

  /** What a worker would refuse is refused now. */
  private async check(members: readonly FoundMember[], form: CompositionForm): Promise<void> {
    await this.members.withFiles(members, async (opened) => {
      const { modules } = await stackMembers(opened);
      checkForm(form, Math.max(...modules.map(({ rank }) => rank)));
    });
  }

  private async find(projectId: string, id: string): Promise<Task> {
    const task = await this.rows(projectId).andWhere('row.id = :id', { id }).getOne();
    if (!task) throw notFound('composition', id);
    return task;
  }

  private rows(projectId: string) {
    return this.owned(projectId).andWhere('row.deletedAt IS NULL');
  }

  private owned(projectId: string) {
    return this.platform.database.manager
      .createQueryBuilder(Task, 'row')
      .where("row.projectId = :projectId AND row.kind = 'composition'", { projectId });
  }
}

function requireWeight(weights: readonly number[]): void {
  if (weights.some((weight) => weight !== 0)) return;
  throw new CompositionError(
    'weights_all_zero',
    'every weight is 0, which leaves the base model unchanged: give at least one adapter a nonzero weight',
  );
}

function formOf({ rank, energy }: CompositionRequest): CompositionForm {
  if (rank !== undefined && energy !== undefined) {
    const message = 'energy: give rank or energy, not both; without either the sum is exact';
    throw new ApiError('invalid_request', message, { param: 'energy' });
  }
  if (rank !== undefined) return { kind: 'rank', rank };
  return energy === undefined ? { kind: 'stacked' } : { kind: 'energy', energy };
}
