import { answerFor } from '../errors/error-answer.js';
import { setTimeout as delay } from 'node:timers/promises';
import path from 'node:path';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { z } from 'zod';
import type { baseModelRegister, BaseModelRegistration } from '#contracts/http/models.js';
import { kindOf } from '#base/errors.js';
import { openModelFolder } from '#models/model-folder.js';
import type { Platform } from '#platform/platform.js';
import { randomText } from '#platform/ids.js';
import { ApiError, blaming, notFound } from '../errors/api-error.js';
import { PLATFORM } from '../tokens.js';
import { BaseModels } from './base-models.js';
import { modelRoots, requireUnderRoots } from './model-roots.js';
import { viewBaseModel } from './model-view.js';

/** How long an answer waits for a registration that may be done soon. */
const patienceMs = 500;
const mostKept = 100;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Registrations of base models: checked at once, read in the background, one after another. */
@Injectable()
export class RegistrationsService implements OnModuleDestroy {
  private readonly registrations = new Map<string, Writable<BaseModelRegistration>>();
  private readonly shutdown = new AbortController();
  private last: Promise<void> = Promise.resolve();

  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(BaseModels) private readonly models: BaseModels,
  ) {}

  async onModuleDestroy(): Promise<void> {
    this.shutdown.abort();
    await this.last;
  }

  /** Throws ApiError 400 about the field `folder`: what `requireUnderRoots` and `openModelFolder` throw. */
  async register(
    wish: z.output<typeof baseModelRegister>,
    { hasKey }: { hasKey: boolean },
  ): Promise<BaseModelRegistration> {
    if (!path.isAbsolute(wish.folder)) {
      throw new ApiError('invalid_request', 'folder: must be a whole path on the server, from its root', {
        param: 'folder',
      });
    }
    const roots = modelRoots(this.platform.configuration, { hasKey });
    await blaming('folder', async () => {
      if (roots) await requireUnderRoots(wish.folder, roots);
      await openModelFolder(wish.folder, { tokenizer: 'required' });
    });
    const registration: Writable<BaseModelRegistration> = {
      id: `registration-${randomText(24)}`,
      object: 'base_model.registration',
      status: 'running',
      folder: wish.folder,
      done_bytes: 0,
      total_bytes: 0,
      model: null,
      error: null,
    };
    this.registrations.set(registration.id, registration);
    for (const old of [...this.registrations.keys()].slice(0, -mostKept)) this.registrations.delete(old);
    this.last = this.last.then(() => this.run(registration, wish));
    await Promise.race([this.last, delay(patienceMs, undefined, { ref: false })]);
    return registration;
  }

  get(id: string): BaseModelRegistration {
    const registration = this.registrations.get(id);
    if (!registration) throw notFound('registration', id);
    return registration;
  }

  private async run(
    registration: Writable<BaseModelRegistration>,
    { folder, name, replace }: z.output<typeof baseModelRegister>,
  ): Promise<void> {
    try {
      const model = await this.models.register(folder, {
        name,
        replace,
        signal: this.shutdown.signal,
        onProgress: ({ doneBytes, totalBytes }) => {
          registration.done_bytes = doneBytes;
          registration.total_bytes = totalBytes;
        },
      });
      registration.model = viewBaseModel(model, await this.models.hasChatTemplate(model));
      registration.status = 'done';
    } catch (error) {
      if (kindOf(error) === 'bug')
        this.platform.log.error({ err: error, folder }, 'a base model was not registered');
      const { code, message } = answerFor(error, { showsPaths: true }).body.error;
      registration.error = { code: code!, message };
      registration.status = 'failed';
    }
  }
}
