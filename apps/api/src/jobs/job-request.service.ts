import { Inject, Injectable } from '@nestjs/common';
import type { JobRequest } from '#contracts/http/job-create.js';
import { currentVersion, versionOf } from '#jobs/base-model-versions.js';
import type { NewJob } from '#jobs/job-store.js';
import type { EarlierShape, Planned } from '#jobs/planner-calls.js';
import { filesOf } from '#jobs/stored-files.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import type { BaseModel } from '#platform/database/entities/base-model.js';
import type { StoredFile } from '#platform/database/entities/stored-file.js';
import type { Platform } from '#platform/platform.js';
import { isMachineOption } from '#training/resolved-options.js';
import { ApiError } from '../errors/api-error.js';
import { Planner } from '../planner/planner.service.js';
import { PLATFORM } from '../tokens.js';

/** A request whose names were found. */
export interface FoundJob {
  readonly request: JobRequest;
  readonly base: BaseModel;
  readonly adapter: Adapter | null;
  readonly training: StoredFile;
  readonly validation: StoredFile | null;
}

export interface CheckOptions {
  /** Whether examples of the data are to be shown. */
  readonly examples?: boolean;
  /** Earlier jobs whose operations are to be counted. */
  readonly earlier?: readonly EarlierShape[];
}

/** Checks what a job asks for against what the server has: one code for plans and for jobs. */
@Injectable()
export class JobRequests {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(Planner) private readonly planner: Planner,
  ) {}

  /** Throws ApiError 400 that names the field. */
  async find(projectId: string, request: JobRequest): Promise<FoundJob> {
    const { base, adapter } = await this.findModel(projectId, request);
    const training = await this.findFile(projectId, 'training_file', request.trainingFile);
    const validation =
      request.validationFile === null
        ? null
        : await this.findFile(projectId, 'validation_file', request.validationFile);
    return { request, base, adapter, training, validation };
  }

  /** Throws what `Planner.plan` throws, with every problem of the job. */
  async plan(
    projectId: string,
    { request, base, adapter, training, validation }: FoundJob,
    signal: AbortSignal,
    { examples = false, earlier = [] }: CheckOptions = {},
  ): Promise<Planned> {
    const { name, folder, identity } = base;
    return this.planner.plan(
      projectId,
      {
        base: { name, folder, identity },
        requested: requestedOf(request),
        options: request.options,
        lora: request.loraConfig,
        initAdapter: adapter && {
          id: adapter.id,
          config: adapter.config,
          baseIdentity: adapter.baseIdentity,
        },
        examples,
        earlier: [...earlier],
        trainingFile: training,
        validationFile: validation,
      },
      signal,
    );
  }

  /** Both, as a job that can be made. */
  async check(projectId: string, request: JobRequest, signal: AbortSignal): Promise<NewJob> {
    const found = await this.find(projectId, request);
    const { plan } = await this.plan(projectId, found, signal);
    const { base, adapter, training, validation } = found;
    const { lora, device, suffix, metadata, learningRateMultiplier } = request;
    const data = plan.data!;
    return {
      model: base.name,
      baseIdentity: base.identity,
      trainingFileId: training.id,
      validationFileId: validation?.id ?? null,
      initAdapterId: adapter?.id ?? null,
      lora,
      training:
        learningRateMultiplier === null
          ? request.training
          : { ...request.training, learning_rate: data.settled.learning_rate },
      requested: requestedOf(request),
      resolved: {
        training: data.settled,
        lora: plan.lora,
        device,
        reasons: data.reasons,
        chosen: null,
      },
      choices: data.choices.filter(({ option }) => !isMachineOption(option)),
      device,
      suffix,
      metadata,
      seed: data.settled.seed,
    };
  }

  private async findModel(
    projectId: string,
    { model, initAdapter }: JobRequest,
  ): Promise<{ base: BaseModel; adapter: Adapter | null }> {
    const { manager } = this.platform.database;
    const tuned = await manager.findOneBy(Adapter, { name: model, projectId });
    const isTuned = tuned !== null && tuned.deletedAt === null;
    if (isTuned && initAdapter !== null) {
      const message = `init_adapter: contradicts model, which names the adapter ${tuned.id}; give one of them`;
      throw new ApiError('invalid_request', message, { param: 'init_adapter' });
    }
    const adapter = isTuned ? tuned : await this.findAdapter(projectId, initAdapter);
    const base =
      isTuned && tuned.baseIdentity !== null
        ? await versionOf(manager, { name: tuned.model, identity: tuned.baseIdentity })
        : await currentVersion(manager, isTuned ? tuned.model : model);
    if (base) return { base, adapter };
    const missing = isTuned
      ? `its base model ${tuned.model} is not registered here`
      : 'GET /v1/models lists those that are';
    throw new ApiError('model_not_found', `model: there is no model ${model} here; ${missing}`, {
      status: 400,
      param: 'model',
    });
  }

  private async findAdapter(projectId: string, id: string | null): Promise<Adapter | null> {
    if (id === null) return null;
    const adapter = await this.platform.database.manager.findOneBy(Adapter, { id, projectId });
    if (adapter && adapter.deletedAt === null) return adapter;
    const message = `init_adapter: there is no adapter ${id}; GET /v1/adapters lists those that are`;
    throw new ApiError('adapter_not_found', message, { status: 400, param: 'init_adapter' });
  }

  private async findFile(projectId: string, field: string, id: string): Promise<StoredFile> {
    const { manager } = this.platform.database;
    const file = await filesOf(manager, projectId).andWhere('file.id = :id', { id }).getOne();
    if (!file) {
      const message = `${field}: there is no file ${id}; upload it with POST /v1/files`;
      throw new ApiError('file_not_found', message, { status: 400, param: field });
    }
    if (file.purpose !== 'fine-tune') {
      const message = `${field}: the purpose of file ${id} is ${file.purpose}; give a file for "fine-tune"`;
      throw new ApiError('file_purpose', message, { param: field });
    }
    return file;
  }
}

function requestedOf({ training, lora, device, seed, learningRateMultiplier }: JobRequest) {
  return { training, lora, device, seed, learningRateMultiplier };
}
