import { Inject, Injectable } from '@nestjs/common';
import { currentVersion, versionOf } from '#jobs/base-model-versions.js';
import { BaseModel } from '#platform/database/entities/base-model.js';
import type { Platform } from '#platform/platform.js';
import { type FoundMember, type MemberReference, Members } from '../compositions/members.service.js';
import { ApiError } from '../errors/api-error.js';
import { findUsableModel, type TunedModel } from '../models/tuned-models.js';
import { PLATFORM } from '../tokens.js';

/** What a request wants to be answered by. */
export interface WantedModel {
  readonly base: BaseModel;
  /** Empty for the base model itself. */
  readonly members: readonly FoundMember[];
}

/** Finds the base model and the adapters that a request means. */
@Injectable()
export class WantedModels {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(Members) private readonly members: Members,
  ) {}

  /**
   * Throws ApiError 404 `model_not_found`, and 400 with the field: what `Members.find` throws, `base_mismatch`,
   * `base_changed`, and `invalid_request` for members beside a model that is no base model.
   */
  async find(
    projectId: string,
    model: string,
    references: readonly MemberReference[] = [],
  ): Promise<WantedModel> {
    const base = await currentVersion(this.platform.database.manager, model);
    if (base) return { base, members: await this.onBase(projectId, base, references) };
    const tuned = await findUsableModel(this.platform.database.manager, projectId, model);
    if (!tuned) throw modelNotFound(model);
    if (references.length > 0) {
      const message = `model: ${model} is not the base model of the members; give the base model's own name`;
      throw new ApiError('invalid_request', message, { param: 'model' });
    }
    const member = await this.namedByModel(tuned);
    return { base: await this.baseOf(member), members: [member] };
  }

  /** Refusals are about the field `model`. */
  private async namedByModel({ projectId, kind, id }: TunedModel): Promise<FoundMember> {
    try {
      return await this.members.find(projectId, { [kind]: id, weight: 1 }, '');
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const { status, code, message } = error;
      throw new ApiError(code, message.replace(/^\w+: /, 'model: '), {
        param: 'model',
        status,
        cause: error,
      });
    }
  }

  private async onBase(
    projectId: string,
    { name, identity }: BaseModel,
    references: readonly MemberReference[],
  ): Promise<FoundMember[]> {
    const members: FoundMember[] = [];
    for (const [index, reference] of references.entries()) {
      const member = await this.members.find(projectId, reference, `members.${index}`);
      if (member.baseIdentity !== identity) {
        const param = `members.${index}.${member.kind}`;
        const message = `${param}: ${member.id} was trained on ${member.model} (${member.baseIdentity}), but ${name} is ${identity}: adapters answer on the base model that they were trained on`;
        throw new ApiError('base_mismatch', message, { param });
      }
      members.push(member);
    }
    return members;
  }

  private async baseOf({ id, model, baseIdentity }: FoundMember): Promise<BaseModel> {
    const { manager } = this.platform.database;
    const base =
      (await versionOf(manager, { name: model, identity: baseIdentity })) ??
      // The same model under another name does as well.
      (await manager.findOne(BaseModel, { where: { identity: baseIdentity }, order: { name: 'ASC' } }));
    if (base) return base;
    const message = `model: the base model ${model} (${baseIdentity}) that ${id} was trained on is not registered here; register its folder again with POST /v1/base_models`;
    throw new ApiError('base_changed', message, { param: 'model' });
  }
}

function modelNotFound(model: string): ApiError {
  const message = `model: there is no model ${model} here; GET /v1/models lists those that are`;
  return new ApiError('model_not_found', message, { param: 'model' });
}
