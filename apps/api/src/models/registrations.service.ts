import { setTimeout as delay } from 'node:timers/promises';
import path from 'node:path';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { In, LessThan } from 'typeorm';
import type { z } from 'zod';
import type { baseModelRegister, BaseModelRegistration, ModelObject } from '#contracts/http/models.js';
import { kindOf } from '#base/errors.js';
import { Registration } from '#platform/database/entities/registration.js';
import type { Platform } from '#platform/platform.js';
import { randomText } from '#platform/ids.js';
import { ApiError, blaming, notFound } from '../errors/api-error.js';
import { answerFor } from '../errors/error-answer.js';
import { Planner } from '../planner/planner.service.js';
import { PLATFORM } from '../tokens.js';
import { BaseModels } from './base-models.js';
import { viewBaseModel } from './model-view.js';
import { modelRoots, requireUnderRoots } from './model-roots.js';

/** How long an answer waits for a registration that may be done soon. */
const patienceMs = 3000;
/** How often a process says that it still reads, and looks for what others left. */
const beatMs = 3000;
/** Silence after which another process goes on. */
const lostSeconds = 15;
const keptDays = 7;

type Progress = Pick<Registration, 'doneBytes' | 'totalBytes'>;

/**
 * Registrations of base models: checked at once, read in the background, one after another. They are rows, so that what a
 * process that ended was reading is read by the next one, or by another API.
 */
@Injectable()
export class RegistrationsService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly runner = `api-${randomText(24)}`;
  /** Of those that this process reads or will read. */
  private readonly progress = new Map<string, Progress>();
  private readonly shutdown = new AbortController();
  private last: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(BaseModels) private readonly models: BaseModels,
    @Inject(Planner) private readonly planner: Planner,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.beat();
    this.timer = setInterval(() => void this.beat(), beatMs).unref();
  }

  /** What is not done goes on at the next start. */
  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    this.shutdown.abort();
    await this.last;
    await this.rows
      .update({ runner: this.runner, status: 'running' }, { touchedAt: new Date(0) })
      .catch((err: unknown) => this.platform.log.warn({ err }, 'registrations go on later than they could'));
  }

  /** Throws ApiError 400 about the field `folder`: what `requireUnderRoots` and `checkModel` of the planner throw. */
  async register(
    request: z.output<typeof baseModelRegister>,
    { hasKey }: { hasKey: boolean },
  ): Promise<BaseModelRegistration> {
    const { folder, name = null, replace } = request;
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
    const id = `registration-${randomText(24)}`;
    await this.rows.insert({ id, folder, name, replace, runner: this.runner });
    this.read({ id, folder, name, replace });
    await Promise.race([this.last, delay(patienceMs, undefined, { ref: false })]);
    return this.get(id);
  }

  async get(id: string): Promise<BaseModelRegistration> {
    const row = await this.rows.findOneBy({ id });
    if (!row) throw notFound('registration', id);
    const { doneBytes, totalBytes } = this.progress.get(id) ?? row;
    return {
      id,
      object: 'base_model.registration',
      status: row.status,
      folder: row.folder,
      done_bytes: doneBytes,
      total_bytes: totalBytes,
      model: row.model as ModelObject | null,
      error: row.error,
    };
  }

  private get rows() {
    return this.platform.database.getRepository(Registration);
  }

  /** Says that this process lives, and takes what no living process reads. */
  private async beat(): Promise<void> {
    try {
      for (const [id, { doneBytes, totalBytes }] of this.progress) {
        await this.rows.update({ id }, { doneBytes, totalBytes, touchedAt: () => 'now()' });
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

  private read(row: Pick<Registration, 'id' | 'folder' | 'name' | 'replace'>): void {
    if (this.progress.has(row.id)) return;
    this.progress.set(row.id, { doneBytes: 0, totalBytes: 0 });
    this.last = this.last.then(() => this.run(row)).finally(() => this.progress.delete(row.id));
  }

  private async run({
    id,
    folder,
    name,
    replace,
  }: Pick<Registration, 'id' | 'folder' | 'name' | 'replace'>): Promise<void> {
    const { signal } = this.shutdown;
    const end = await this.models
      .register(folder, {
        name: name ?? undefined,
        replace,
        signal,
        onProgress: ({ doneBytes, totalBytes }) => void this.progress.set(id, { doneBytes, totalBytes }),
      })
      .then(
        async (model) =>
          ({
            status: 'done',
            model: viewBaseModel(model, await this.models.hasChatTemplate(model)),
          }) as const,
        (error: unknown) => ({ status: 'failed', error }) as const,
      );
    if (end.status === 'failed' && signal.aborted) return;
    try {
      const outcome =
        end.status === 'done' ? end : { status: end.status, error: this.publicError(end.error, folder) };
      await this.rows.update({ id }, { ...this.progress.get(id), ...outcome });
    } catch (error) {
      this.platform.log.warn(
        { err: error, folder },
        'a base model is registered again, since its end was not noted',
      );
    }
  }

  private publicError(error: unknown, folder: string): { code: string; message: string } {
    if (kindOf(error) === 'bug')
      this.platform.log.error({ err: error, folder }, 'a base model was not registered');
    const { code, message } = answerFor(error, { showsPaths: true }).body.error;
    return { code: code!, message };
  }
}
