/** Base models of a hub: who may have which, and fetching them. */
import path from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { LowrankError } from '#base/errors.js';
import { fetchModel } from '#hub/remote/fetch-model.js';
import { type HubModel, listHubModel } from '#hub/remote/hub-listing.js';
import { type HubName, isListed, parseHubName } from '#hub/remote/hub-name.js';
import { type HubAccess, hubAccess } from '#hub/remote/hub-requests.js';
import { outlineModel } from '#hub/remote/outline.js';
import type { HubConfiguration } from '#platform/config.js';
import type { HubOrigin } from '#platform/database/entities/registration.js';
import type { Platform } from '#platform/platform.js';
import { PLATFORM } from '../tokens.js';

export interface HubProgress {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void;
}

/** Who asks: an administrator may have every model, and by the server's own account. */
export interface HubAsker {
  readonly isAdmin: boolean;
}

export interface FoundHubModel {
  readonly model: HubModel;
  readonly origin: HubOrigin;
}

@Injectable()
export class HubModels {
  /** What is fetched now, by repository and commit. */
  private readonly running = new Map<string, Promise<unknown>>();

  constructor(@Inject(PLATFORM) private readonly platform: Platform) {}

  /**
   * Asks the hub for a model: `OWNER/NAME` or `OWNER/NAME@REVISION`.
   *
   * Throws LowrankError `model_name_invalid`, `model_not_allowed`, and the errors of `listHubModel`.
   */
  async find(text: string, { isAdmin }: HubAsker, signal?: AbortSignal): Promise<FoundHubModel> {
    const name = parseHubName(text);
    const { allow, allowToken } = this.configuration;
    if (!isAdmin && !isListed(name.repository, allow)) throw notAllowed(name);
    const useToken = isAdmin || isListed(name.repository, allowToken);
    try {
      const model = await listHubModel(name, await this.access(useToken), signal);
      if (model.gated && !useToken) throw gated(name, this.configuration);
      const { repository, revision, commit } = model;
      return { model, origin: { repository, revision, commit, useToken } };
    } catch (error) {
      const isGated = error instanceof LowrankError && error.code === 'model_gated';
      throw isGated && !useToken ? gated(name, this.configuration) : error;
    }
  }

  /** A folder that is enough to plan with, made of what comes at once. Throws what `outlineModel` throws. */
  async outline({ model, origin }: FoundHubModel, signal?: AbortSignal): Promise<string> {
    const outlines = path.join(this.platform.configuration.home, 'cache', 'outlines');
    const { cache } = this.configuration;
    return outlineModel(model, { access: await this.access(origin.useToken), cache, outlines, signal });
  }

  /** Fetches a model; yields its folder. Throws what `listHubModel` and `fetchModel` throw. */
  async fetch(
    { repository, revision, commit, useToken }: HubOrigin,
    { signal, onProgress }: HubProgress,
  ): Promise<string> {
    const key = `${repository} ${commit}`;
    // Of two names for one model the second finds what the first has fetched.
    while (this.running.has(key)) await this.running.get(key);
    const work = async () => {
      const access = await this.access(useToken);
      const model = await listHubModel({ repository, revision: commit }, access, signal);
      const { cache } = this.configuration;
      return fetchModel({ ...model, revision }, { access, cache, signal, onProgress });
    };
    const fetched = work();
    const settled = fetched.catch(() => undefined).finally(() => this.running.delete(key));
    this.running.set(key, settled);
    return fetched;
  }

  private get configuration(): HubConfiguration {
    return this.platform.configuration.hub;
  }

  private async access(useToken: boolean): Promise<HubAccess> {
    const { endpoint, token } = this.configuration;
    return hubAccess({ endpoint, token: useToken ? token : null });
  }
}

function notAllowed({ repository }: HubName): LowrankError {
  return new LowrankError(
    'model_not_allowed',
    `this server does not fetch ${repository} for projects: an administrator can name it in LOWRANK_HUB_ALLOW, or add it with "lowrank models add ${repository}"`,
    { details: { repository } },
  );
}

function gated({ repository }: HubName, { token }: HubConfiguration): LowrankError {
  return new LowrankError(
    'model_gated',
    `${repository} is open only to accounts that its owner let in, and projects may not use the account of this server for it: an administrator can name it in LOWRANK_HUB_ALLOW_TOKEN${token === null ? ' and set HF_TOKEN' : ''}, or add it with "lowrank models add ${repository}"`,
    { details: { repository } },
  );
}
