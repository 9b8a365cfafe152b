/** Jobs on base models that are not here yet: planned by an outline, they join the queue when the model has come. */
import { access } from 'node:fs/promises';
import path from 'node:path';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { LowrankError } from '#base/errors.js';
import { hidePaths } from '#base/hide-paths.js';
import { snapshotFolder } from '#hub/remote/hub-cache.js';
import { isHubName, parseHubName } from '#hub/remote/hub-name.js';
import {
  failJobs,
  type FetchedModel,
  pendingIdentity,
  pendingModel,
  pendingModels,
  releaseJobs,
  tellJobs,
} from '#jobs/fetching.js';
import { OutboxRelay } from '#jobs/outbox.js';
import { BaseModel } from '#platform/database/entities/base-model.js';
import { Job } from '#platform/database/entities/job.js';
import type { HubOrigin } from '#platform/database/entities/registration.js';
import type { Platform } from '#platform/platform.js';
import { blaming } from '../errors/api-error.js';
import { PLATFORM } from '../tokens.js';
import { type HubAsker, HubModels } from './hub-models.service.js';
import { abandoned, RegistrationsService } from './registrations.service.js';

/** A base model that a job can be planned on. */
export interface HubBase {
  readonly base: Pick<BaseModel, 'name' | 'folder' | 'identity'>;
  /** What has to be fetched before it can train; null for one that is here. */
  readonly origin: HubOrigin | null;
}

const lookMs = 3000;
/** Between two events that tell how far a download is. */
const toldShare = 0.1;
const fullCommit = /^[0-9a-f]{40}$/;

/** Without the hub nobody knows whether a name is a model of it or a mistyped one of this server. */
function missingHereToo(model: string, error: unknown): unknown {
  if (!(error instanceof LowrankError) || error.code !== 'download_failed') return error;
  const message = `no base model ${model} is registered here (GET /v1/models lists those that are; see to its spelling), and ${error.message}`;
  return new LowrankError(error.code, message, { cause: error, details: error.details });
}

@Injectable()
export class HubJobs implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> = Promise.resolve();
  private isStopped = false;
  /** Shares of downloads that their jobs were told of, by registration. */
  private readonly told = new Map<string, number>();

  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(HubModels) private readonly hub: HubModels,
    @Inject(RegistrationsService) private readonly registrations: RegistrationsService,
    @Inject(OutboxRelay) private readonly relay: OutboxRelay,
  ) {}

  onApplicationBootstrap(): void {
    this.registrations.onEnd(() => this.look());
    this.timer = setInterval(() => this.look(), lookMs).unref();
  }

  async onModuleDestroy(): Promise<void> {
    this.isStopped = true;
    clearInterval(this.timer);
    await this.looking;
  }

  /**
   * The base model of a name that no registered one has; null if it cannot be a hub's.
   *
   * Throws ApiError 400 about `model`, and LowrankError `download_failed`.
   */
  async find(model: string, asker: HubAsker, signal: AbortSignal): Promise<HubBase | null> {
    if (!isHubName(model)) return null;
    const { repository, revision } = parseHubName(model);
    if (revision !== null && fullCommit.test(revision)) {
      const here = await this.versionHere({ repository, commit: revision });
      if (here) return { base: here, origin: null };
    }
    return blaming('model', async () => {
      const found = await this.hub.find(model, asker, signal).catch((error: unknown) => {
        throw missingHereToo(model, error);
      });
      const here = await this.versionHere(found.origin);
      if (here) return { base: here, origin: null };
      const folder = await this.hub.outline(found, signal);
      const base = { name: repository, folder, identity: pendingIdentity(found.origin) };
      return { base, origin: found.origin };
    });
  }

  /** Begins to fetch a model; before its job is made, so that none waits for nothing. */
  async fetch(origin: HubOrigin): Promise<void> {
    await this.registrations.fetchForJobs(origin);
  }

  /** Stops fetching what no job waits for any more. */
  async leave({ baseIdentity }: Pick<Job, 'baseIdentity'>): Promise<void> {
    const model = pendingModel(baseIdentity);
    if (!model) return;
    const { manager } = this.platform.database;
    if (await manager.existsBy(Job, { baseIdentity, state: 'validating_files' })) return;
    const newest = await this.registrations.newestForJobs(model);
    if (newest?.status === 'running') await this.registrations.abandon(newest.id);
  }

  /** One look after another. */
  look(): void {
    this.looking = this.looking.then(() => this.settleAll());
  }

  private async settleAll(): Promise<void> {
    if (this.isStopped) return;
    try {
      for (const model of await pendingModels(this.platform)) await this.settle(model);
    } catch (error) {
      this.platform.log.warn({ err: error }, 'jobs wait longer for their base models');
    }
  }

  private async settle(model: FetchedModel): Promise<void> {
    const newest = await this.registrations.newestForJobs(model);
    if (newest?.status === 'running') return this.tell(model, newest.id);
    const here = await this.versionHere(model);
    if (here) {
      await releaseJobs(this.platform, model, here.identity);
      this.relay.wake();
      return;
    }
    if (newest?.hub && newest.error?.message === abandoned.message) {
      // A job came just when the last one that waited went.
      await this.registrations.fetchForJobs(newest.hub);
      return;
    }
    const { code, message } = newest?.error ?? {
      code: 'base_model_missing',
      message: `${model.repository} is not here any more: submit the job again`,
    };
    const { home, hub } = this.platform.configuration;
    const shown = hidePaths(message, [home, hub.cache]);
    await failJobs(this.platform, model, { code, message: shown, param: 'model' });
  }

  /** By the process that fetches it. */
  private async tell(model: FetchedModel, id: string): Promise<void> {
    const { doneBytes, totalBytes, stage } = this.registrations.progressOf(id) ?? {
      doneBytes: 0,
      totalBytes: 0,
    };
    if (totalBytes === 0 || stage !== 'fetching') return;
    const share = doneBytes / totalBytes;
    if (share - (this.told.get(id) ?? 0) < toldShare) return;
    this.told.set(id, share);
    const percent = Math.floor(100 * share);
    await tellJobs(
      this.platform,
      model,
      `Fetched ${percent} % of the ${totalBytes} bytes of ${model.repository}`,
    );
  }

  /** A version of this commit whose files are there. */
  private async versionHere({ repository, commit }: FetchedModel): Promise<BaseModel | null> {
    const folder = snapshotFolder(this.platform.configuration.hub.cache, repository, commit);
    const version = await this.platform.database.manager.findOne(BaseModel, {
      where: { name: repository, folder },
      order: { createdAt: 'DESC' },
    });
    if (!version) return null;
    return access(path.join(folder, 'config.json')).then(
      () => version,
      () => null,
    );
  }
}
