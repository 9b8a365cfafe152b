import { Inject, Injectable } from '@nestjs/common';
import type { JobRequest } from '#contracts/http/job-create.js';
import type { NewJob } from '#jobs/job-store.js';
import { knownModel } from '#jobs/known-models.js';
import type { MeasuredFile } from '#jobs/measure-data.js';
import { type JobPlan, planJob } from '#jobs/plan.js';
import { filesOf } from '#jobs/stored-files.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { BaseModel } from '#platform/database/entities/base-model.js';
import type { StoredFile } from '#platform/database/entities/stored-file.js';
import type { Platform } from '#platform/platform.js';
import { ChoiceBook, chooseSchedule } from '#training/auto-options.js';
import { parseTrainingOptions } from '#training/options.js';
import { ApiError, blaming } from '../errors/api-error.js';
import { PLATFORM } from '../tokens.js';

/** A request whose names were found and whose options were checked. */
export interface CheckedJob {
  readonly job: NewJob;
  readonly plan: JobPlan;
}

/** What the training options say if nothing is said. */
const usualSeed = 42;

/** Checks what a job asks for against what the server has: one code for plans and for jobs. */
@Injectable()
export class JobRequests {
  constructor(@Inject(PLATFORM) private readonly platform: Platform) {}

  /** Throws ApiError 400 that names the field, and PlanError with every problem. */
  async check(projectId: string, request: JobRequest): Promise<CheckedJob> {
    const { base, adapter } = await this.findModel(projectId, request);
    const trainingFile = await this.findFile(projectId, 'training_file', request.trainingFile);
    const validationFile =
      request.validationFile === null
        ? null
        : await this.findFile(projectId, 'validation_file', request.validationFile);
    const { base: folder } = await blaming('model', () => knownModel(base.folder, base.identity));
    const training = withLearningRate(request, folder.config.hiddenSize);
    const { lora, device, suffix, metadata } = request;
    const seed = request.seed ?? usualSeed;
    const plan = await planJob(
      { base, lora, training, device, seed, initAdapter: adapter },
      { training: this.measured(trainingFile), validation: validationFile && this.measured(validationFile) },
    );
    const job: NewJob = {
      model: base.name,
      baseIdentity: base.identity,
      trainingFileId: trainingFile.id,
      validationFileId: validationFile?.id ?? null,
      initAdapterId: adapter?.id ?? null,
      lora,
      training,
      device,
      suffix,
      metadata,
      seed,
    };
    return { job, plan };
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
    const base = await manager.findOneBy(BaseModel, { name: isTuned ? tuned.model : model });
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

  private measured({ filename, bytes, objectKey }: StoredFile): MeasuredFile {
    return {
      name: filename,
      bytes,
      open: (length) => this.platform.objects.get(objectKey, { start: 0, length }),
    };
  }
}

/** OpenAI's multiplier is of the learning rate that would be chosen, which the width of the model decides. */
function withLearningRate(
  { training, learningRateMultiplier }: JobRequest,
  hiddenSize: number,
): Record<string, unknown> {
  if (learningRateMultiplier === null) return training;
  const learningRate = usualLearningRate(hiddenSize) * learningRateMultiplier;
  return { ...training, learning_rate: Number(learningRate.toPrecision(12)) };
}

/** By the rules themselves; the other facts do not touch the learning rate. */
function usualLearningRate(hiddenSize: number): number {
  const options = parseTrainingOptions({});
  const facts = { hiddenSize, blocks: 1, batchSize: 1, validationBatches: 0 };
  return chooseSchedule(new ChoiceBook(options), options, facts).learning_rate;
}
