import { setTimeout as delay } from 'node:timers/promises';
import path from 'node:path';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { In, LessThan } from 'typeorm';
import type { z } from 'zod';
import type { baseModelRegister, BaseModelRegistration, ModelObject } from '#contracts/http/models.js';
import type { FetchedModel } from '#jobs/fetching.js';
import { kindOf } from '#base/errors.js';
import { snapshotFolder } from '#hub/remote/hub-cache.js';
import type { BaseModel } from '#platform/database/entities/base-model.js';
import { type HubOrigin, Registration } from '#platform/database/entities/registration.js';
import type { Platform } from '#platform/platform.js';
import { randomText } from '#platform/ids.js';
import { defaultPrecision } from '#training/base-precision/declared.js';
import { ApiError, blaming, notFound } from '../errors/api-error.js';
import { answerFor } from '../errors/error-answer.js';
import { Planner } from '../planner/planner.service.js';
import { PLATFORM } from '../tokens.js';
import { BaseModels } from './base-models.js';
import { HubModels } from './hub-models.service.js';
import { viewBaseModel } from './model-view.js';
import { modelRoots, requireUnderRoots } from './model-roots.js';

/** How long an answer waits for a registration that may be done soon. */
const patienceMs = 3000;
/** How often a process says that it still reads, and looks for what others left. */
const beatMs = 3000;
/** Silence after which another process goes on. */
const lostSeconds = 15;
const keptDays = 7;

export interface Progress extends Pick<Registration, 'doneBytes' | 'totalBytes'> {
  readonly stage: BaseModelRegistration['stage'];
}

/** What is needed to go on with one. */
type Begun = Pick<Registration, 'id' | 'folder' | 'hub' | 'name' | 'replace' | 'precision'>;

/** Why one ended that jobs had asked for, when these were cancelled. */
export const abandoned = { code: 'cancelled', message: 'No job waits for it any more' } as const;

const hubView = ({ repository, revision, commit }: HubOrigin) => ({ repository, revision, commit });

const begin = (hub: HubOrigin | null): Progress => ({
  stage: hub ? 'fetching' : 'reading',
  doneBytes: 0,
  totalBytes: 0,
});

/**
 * Registrations of base models: checked at once, fetched and read in the background, read one after another. They are rows, so that what a
 * process that ended was reading is read by the next one, or by another API.
 */
@Injectable()
export class RegistrationsService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly runner = `api-${randomText(24)}`;
  /** Of those that this process reads or will read. */
  private readonly progress = new Map<string, Progress>();
  private readonly stops = new Map<string, AbortController>();
  private readonly runs = new Map<string, Promise<void>>();
  private readonly shutdown = new AbortController();
  private readonly listeners: (() => void)[] = [];
  private last: Promise<unknown> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(BaseModels) private readonly models: BaseModels,
    @Inject(Planner) private readonly planner: Planner,
    @Inject(HubModels) private readonly hub: HubModels,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.beat();
    this.timer = setInterval(() => void this.beat(), beatMs).unref();
  }

  /** What is not done goes on at the next start. */
  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    this.shutdown.abort();
    await Promise.all(this.runs.values());
    await this.rows
      .update({ runner: this.runner, status: 'running' }, { touchedAt: new Date(0) })
      .catch((err: unknown) => this.platform.log.warn({ err }, 'registrations go on later than they could'));
  }

  /** Throws ApiError 400 about the field `folder` or `model`: what the methods that each is given to throw. */
  async register(
    request: z.output<typeof baseModelRegister>,
    { hasKey }: { hasKey: boolean },
  ): Promise<BaseModelRegistration> {
    const { folder, model, name = null, replace, precision } = request;
    const id =
      model === undefined
        ? await this.begin({ ...(await this.ownFolder(folder!, hasKey)), name, replace, precision })
        : await this.fromHub(model, { name, replace, precision });
    await Promise.race([this.runs.get(id), delay(patienceMs, undefined, { ref: false })]);
    return this.get(id);
  }

  /** Fetches a model that jobs wait for; one that is on its way for them already is taken. */
  async fetchForJobs(origin: HubOrigin): Promise<void> {
    const { repository, commit } = origin;
    const folder = snapshotFolder(this.platform.configuration.hub.cache, repository, commit);
    const row = { folder, name: repository, replace: false, precision: defaultPrecision };
    const running = await this.rows.findBy({ ...row, status: 'running' });
    if (running.some(({ hub }) => hub?.isForJobs)) return;
    await this.begin({ ...row, hub: { ...origin, isForJobs: true } });
  }

  /** The newest of those that fetch a model for jobs. */
  async newestForJobs({ repository, commit }: FetchedModel): Promise<Registration | null> {
    const folder = snapshotFolder(this.platform.configuration.hub.cache, repository, commit);
    const rows = await this.rows.find({ where: { folder, name: repository }, order: { createdAt: 'DESC' } });
    return rows.find(({ hub }) => hub?.isForJobs) ?? null;
  }

  /** Stops one that nobody waits for any more. */
  async abandon(id: string): Promise<void> {
    await this.rows.update({ id, status: 'running' }, { status: 'failed', error: abandoned });
    this.stops.get(id)?.abort();
  }

  /** How far one is that this process runs. */
  progressOf(id: string): Progress | undefined {
    return this.progress.get(id);
  }

  /** Calls back whenever one that this process runs is over. */
  onEnd(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Stops one; what was fetched of it stays for the next try. Throws ApiError 404, and 400 if it is over. */
  async cancel(id: string): Promise<BaseModelRegistration> {
    const error = { code: 'cancelled', message: 'The registration was cancelled' } as const;
    const { affected } = await this.rows.update({ id, status: 'running' }, { status: 'failed', error });
    this.stops.get(id)?.abort();
    await this.runs.get(id);
    const answer = await this.get(id);
    if (affected) return answer;
    throw new ApiError('job_finished', `the registration ${id} is over: it is ${answer.status}`, {
      param: 'id',
    });
  }

  async get(id: string): Promise<BaseModelRegistration> {
    const row = await this.rows.findOneBy({ id });
    if (!row) throw notFound('registration', id);
    const { stage, doneBytes, totalBytes } = this.progress.get(id) ?? {
      stage: begin(row.hub).stage,
      doneBytes: row.doneBytes,
      totalBytes: row.totalBytes,
    };
    return {
      id,
      object: 'base_model.registration',
      status: row.status,
      folder: row.folder,
      hub: row.hub && hubView(row.hub),
      stage: row.status === 'running' ? stage : 'reading',
      done_bytes: doneBytes,
      total_bytes: totalBytes,
      model: row.model as ModelObject | null,
      error: row.error,
    };
  }

  private get rows() {
    return this.platform.database.getRepository(Registration);
  }

  private async ownFolder(folder: string, hasKey: boolean): Promise<{ folder: string; hub: null }> {
    if (!path.isAbsolute(folder)) {
      throw new ApiError('invalid_request', 'folder: must be a whole path on the server, from its root', {
        param: 'folder',
      });
    }
    const roots = modelRoots(this.platform.configuration, { hasKey });
    await blaming('folder', async () => {
      if (roots) await requireUnderRoots(folder, roots);
      await this.planner.checkModel(folder);
    });
    return { folder, hub: null };
  }

  /** The id of a registration of a model of a hub; of several for one model all get the one that is running. */
  private async fromHub(
    model: string,
    { name, replace, precision }: Pick<Registration, 'name' | 'replace' | 'precision'>,
  ): Promise<string> {
    const { origin } = await blaming('model', () => this.hub.find(model, { isAdmin: true }));
    const { repository, commit } = origin;
    const folder = snapshotFolder(this.platform.configuration.hub.cache, repository, commit);
    const wanted = { folder, name: name ?? repository, replace, precision };
    const running = await this.rows.findOneBy({ ...wanted, status: 'running' });
    return running?.id ?? this.begin({ ...wanted, hub: origin });
  }

  private async begin(row: Omit<Begun, 'id'>): Promise<string> {
    const id = `registration-${randomText(24)}`;
    await this.rows.insert({ ...row, id, runner: this.runner });
    this.read({ ...row, id });
    return id;
  }

  /** Says that this process lives, and takes what no living process reads. */
  private async beat(): Promise<void> {
    try {
      for (const [id, { doneBytes, totalBytes }] of this.progress) {
        const { affected } = await this.rows.update(
          { id, status: 'running' },
          { doneBytes, totalBytes, touchedAt: () => 'now()' },
        );
        // Another API was told to stop it.
        if (!affected) this.stops.get(id)?.abort();
      }
      for (const row of await this.adopt()) this.read(row);
      const old = new Date(Date.now() - 86_400_000 * keptDays);
      await this.rows.delete({ status: In(['done', 'failed']), createdAt: LessThan(old) });
    } catch (error) {
      this.platform.log.warn({ err: error }, 'registrations of base models wait for the database');
    }
  }

  private async adopt(): Promise<Registration[]> {
    if (this.shutdown.signal.aborted) return [];
    const { raw } = await this.rows
      .createQueryBuilder()
      .update()
      .set({ runner: this.runner, touchedAt: () => 'now()' })
      .where(`status = 'running' AND touched_at < now() - make_interval(secs => :lostSeconds)`, {
        lostSeconds,
      })
      .returning('*')
      .execute();
    return raw as Registration[];
  }

  private read(row: Begun): void {
    if (this.runs.has(row.id)) return;
    const stop = new AbortController();
    this.progress.set(row.id, begin(row.hub));
    this.stops.set(row.id, stop);
    const run = this.run(row, AbortSignal.any([stop.signal, this.shutdown.signal])).finally(() => {
      for (const map of [this.progress, this.stops, this.runs]) map.delete(row.id);
      for (const listener of this.listeners) listener();
    });
    this.runs.set(row.id, run);
  }

  private async run(row: Begun, signal: AbortSignal): Promise<void> {
    const { id, folder } = row;
    const end = await this.make(row, signal).then(
      async (model) =>
        ({
          status: 'done',
          model: viewBaseModel(model, await this.models.hasChatTemplate(model)),
        }) as const,
      (error: unknown) => ({ status: 'failed', error }) as const,
    );
    if (end.status === 'failed' && signal.aborted) return;
    const { doneBytes, totalBytes } = this.progress.get(id)!;
    try {
      const outcome =
        end.status === 'done' ? end : { status: end.status, error: this.publicError(end.error, folder) };
      await this.rows.update({ id, status: 'running' }, { doneBytes, totalBytes, ...outcome });
    } catch (error) {
      this.platform.log.warn(
        { err: error, folder },
        'a base model is registered again, since its end was not noted',
      );
    }
  }

  /** Fetches it where it is not here, and reads it when those before it are read. */
  private async make(row: Begun, signal: AbortSignal): Promise<BaseModel> {
    const { id, folder, hub, name, replace, precision } = row;
    const watch = (stage: Progress['stage']) => ({
      signal,
      onProgress: ({ doneBytes, totalBytes }: { readonly doneBytes: number; readonly totalBytes: number }) =>
        void this.progress.set(id, { stage, doneBytes, totalBytes }),
    });
    if (hub) {
      await this.hub.fetch(hub, watch('fetching'));
      await this.planner.checkModel(folder);
    }
    const turn = this.last.then(async () => {
      signal.throwIfAborted();
      const isBeside = hub?.isForJobs === true;
      return this.models.register(folder, {
        name: name ?? undefined,
        replace,
        precision,
        isBeside,
        ...watch('reading'),
      });
    });
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private publicError(error: unknown, folder: string): { code: string; message: string } {
    if (kindOf(error) === 'bug')
      this.platform.log.error({ err: error, folder }, 'a base model was not registered');
    const { code, message } = answerFor(error, { showsPaths: true }).body.error;
    return { code: code!, message };
  }
}
