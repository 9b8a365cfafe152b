import { Inject, Injectable } from '@nestjs/common';
import type { JobRequest } from '#contracts/http/job-create.js';
import { mergedForm } from '#data/data-form.js';
import type { NewJob } from '#jobs/new-job.js';
import type { EarlierShape, Planned } from '#jobs/planner-calls.js';
import type { Caller } from '#jobs/api-keys.js';
import type { HubOrigin } from '#platform/database/entities/registration.js';
import type { Platform } from '#platform/platform.js';
import { trackerDeclaration } from '#trackers/declared/registry.js';
import { trackerServers } from '#trackers/registry.js';
import { isMachineOption } from '#training/resolved-options.js';
import { ApiError } from '../errors/api-error.js';
import { HubJobs } from '../models/hub-jobs.service.js';
import { Planner } from '../planner/planner.service.js';
import { PLATFORM } from '../tokens.js';
import {
  type NamedAdapter,
  type NamedBase,
  type NamedFile,
  type NamedParts,
  namedPartsReader,
} from './named-parts.js';

/** A request whose names were found. */
export interface FoundJob {
  readonly request: JobRequest;
  readonly base: NamedBase;
  /** Where the base comes from, if it is not here yet. */
  readonly origin: HubOrigin | null;
  readonly adapter: NamedAdapter | null;
  readonly training: NamedFile;
  readonly validation: NamedFile | null;
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
  private readonly readNamed: ReturnType<typeof namedPartsReader>;

  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(Planner) private readonly planner: Planner,
    @Inject(HubJobs) private readonly hub: HubJobs,
  ) {
    this.readNamed = namedPartsReader(platform.database);
  }

  /**
   * Finds what a request names; a base model that is not here is asked for at the hub. Throws ApiError 400 that names the
   * field, and what `HubJobs.find` throws.
   */
  async find(
    { projectId, role }: Pick<Caller, 'projectId' | 'role'>,
    request: JobRequest,
    signal: AbortSignal,
  ): Promise<FoundJob> {
    this.requireTrackers(request);
    const named = await this.readNamed(projectId, request);
    const isMissing = !named.base && !named.tuned;
    const fetched = isMissing
      ? await this.hub.find(request.model, { isAdmin: role === 'admin' }, signal)
      : null;
    return {
      request,
      ...modelOf(request, fetched ? { ...named, base: fetched.base } : named),
      origin: fetched?.origin ?? null,
      training: fileOf('training_file', request.trainingFile, named.training, request),
      validation:
        request.validationFile === null
          ? null
          : fileOf('validation_file', request.validationFile, named.validation, request),
    };
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
          classes: adapter.classes,
        },
        examples,
        earlier: [...earlier],
        trainingFile: training,
        validationFile: validation,
        validationSplit: request.validationSplit,
      },
      signal,
    );
  }

  /** A tracker with a server can be asked for where the service has one. */
  private requireTrackers({ integrations }: JobRequest): void {
    const servers = trackerServers(this.platform.configuration.trackers);
    for (const { type } of integrations ?? []) {
      const { server, title } = trackerDeclaration(type)!;
      if (server === undefined || servers.has(type)) continue;
      const message = `integrations: this service tells no ${title} server: its administrator sets ${server}, or leave it out`;
      throw new ApiError('invalid_request', message, { param: 'integrations' });
    }
  }

  /** Both, as a job that can be made; fetching its base model has begun. */
  async check(
    caller: Pick<Caller, 'projectId' | 'role'>,
    request: JobRequest,
    signal: AbortSignal,
  ): Promise<NewJob> {
    const found = await this.find(caller, request, signal);
    const { plan } = await this.plan(caller.projectId, found, signal);
    if (found.origin) await this.hub.fetch(found.origin);
    const { base, adapter, training, validation } = found;
    const { lora, device, suffix, metadata, integrations, learningRateMultiplier } = request;
    const data = plan.data!;
    return {
      model: base.name,
      baseIdentity: base.identity,
      trainingFileId: training.id,
      validationFileId: validation?.id ?? null,
      data: dataOf(found),
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
      integrations,
      seed: data.settled.seed,
    };
  }
}

function modelOf(
  { model, initAdapter: wanted }: JobRequest,
  { tuned, initAdapter, base }: NamedParts,
): Pick<FoundJob, 'base' | 'adapter'> {
  if (tuned && wanted !== null) {
    const message = `init_adapter: contradicts model, which names the adapter ${tuned.id}; give one of them`;
    throw new ApiError('invalid_request', message, { param: 'init_adapter' });
  }
  if (wanted !== null && !initAdapter) {
    const message = `init_adapter: there is no adapter ${wanted}; GET /v1/adapters lists those that are`;
    throw new ApiError('adapter_not_found', message, { status: 400, param: 'init_adapter' });
  }
  if (base) return { base, adapter: tuned ?? initAdapter };
  const missing = tuned
    ? `its base model ${tuned.model} is not registered here`
    : 'GET /v1/models lists those that are';
  throw new ApiError('model_not_found', `model: there is no model ${model} here; ${missing}`, {
    status: 400,
    param: 'model',
  });
}

function fileOf(field: string, id: string, file: NamedFile | null, { form }: JobRequest): NamedFile {
  if (!file) {
    const message = `${field}: there is no file ${id}; upload it with POST /v1/files`;
    throw new ApiError('file_not_found', message, { status: 400, param: field });
  }
  if (file.purpose !== 'fine-tune') {
    const message = `${field}: the purpose of file ${id} is ${file.purpose}; give a file for "fine-tune"`;
    throw new ApiError('file_purpose', message, { param: field });
  }
  return { ...file, form: mergedForm(form, file.form) };
}

/** Null where nothing is said. */
function dataOf({ request, training, validation }: FoundJob): NewJob['data'] {
  const data = {
    trainingForm: training.form,
    validationForm: validation?.form ?? null,
    validationSplit: request.validationSplit,
  };
  return Object.values(data).every((value) => value === null) ? null : data;
}

function requestedOf({ training, lora, device, seed, learningRateMultiplier }: JobRequest) {
  return { training, lora, device, seed, learningRateMultiplier };
}
