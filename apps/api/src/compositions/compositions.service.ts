import { Inject, Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { CompositionForm } from '#adapters/composition-recipe.js';
import { checkWeights, CompositionError } from '#adapters/composition-members.js';
import type {
  CompositionObject,
  CompositionPreview,
  CompositionRequest,
} from '#contracts/http/compositions.js';
import type { CompositionReportObject } from '#contracts/composition-report.js';
import { composition } from '#jobs/task-kinds/composition.js';
import { Tasks } from '#jobs/tasks.js';
import type { Task } from '#platform/database/entities/task.js';
import type { Platform } from '#platform/platform.js';
import { ApiError } from '../errors/api-error.js';
import { Planner } from '../planner/planner.service.js';
import { PLATFORM } from '../tokens.js';
import { type FoundMember, Members } from './members.service.js';
import { Previews } from './previews.service.js';
import { mapErrors } from './refusals.js';
import { TaskResource } from '../tasks/task-resource.js';
import { viewMember, viewTask } from '../tasks/task-view.js';

/** Compositions: previewed at once, made by a worker. */
@Injectable()
export class CompositionsService {
  readonly resource: TaskResource<CompositionInput, CompositionObject>;

  constructor(
    @Inject(PLATFORM) platform: Platform,
    @Inject(Tasks) tasks: Tasks,
    @Inject(Members) private readonly members: Members,
    @Inject(Previews) private readonly previews: Previews,
    @Inject(Planner) private readonly planner: Planner,
  ) {
    this.resource = new TaskResource(platform, tasks, composition, {
      view: viewComposition,
      route: 'compositions',
      codes: { notFound: 'composition_not_found', finished: 'composition_finished' },
    });
  }

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
    await mapErrors(() => this.check(projectId, members, form, untilGone));
    const [{ model, baseIdentity }] = members as [FoundMember];
    const input = {
      model,
      base_identity: baseIdentity,
      members: members.map(({ id, kind, weight, files }) => ({ id, kind, weight, files: [...files] })),
      form,
      suffix: request.suffix ?? null,
    };
    return this.resource.create(projectId, { request, input, idempotencyKey });
  }

  private async preview(
    members: readonly FoundMember[],
    form: CompositionForm,
    untilGone: AbortSignal,
  ): Promise<CompositionPreview> {
    const weights = members.map(({ weight }) => weight);
    const report = await mapErrors(() => {
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
  private async check(
    projectId: string,
    members: readonly FoundMember[],
    form: CompositionForm,
    untilGone: AbortSignal,
  ): Promise<void> {
    await this.members.withFolders(members, untilGone, (folders) =>
      this.planner.checkMembers(projectId, folders, form, untilGone),
    );
  }
}

type CompositionInput = z.output<typeof composition.input>;

function viewComposition(task: Task, { model, members, form, suffix }: CompositionInput): CompositionObject {
  return {
    ...viewTask(task),
    object: 'composition',
    model,
    members: members.map(viewMember),
    rank: form.kind === 'rank' ? form.rank : null,
    energy: form.kind === 'energy' ? form.energy : null,
    suffix,
    report: task.report as CompositionReportObject | null,
    adapter: task.adapterId,
  };
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
