import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { LowrankError } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import { programRoot } from '#platform/program.js';
import { PLATFORM } from '../tokens.js';
import { BaseModels } from './base-models.js';

/** Registers the models in the program's own `models` folder when the server starts. */
@Injectable()
export class BundledModels implements OnApplicationBootstrap {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(BaseModels) private readonly models: BaseModels,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const root = path.join(programRoot, 'models');
    for (const name of await readdir(root).catch(() => [])) {
      try {
        await this.models.registerBundled(path.join(root, name));
      } catch (error) {
        // The server is of use without it, and what is wrong with it is not for a job to find out.
        if (!(error instanceof LowrankError)) throw error;
        this.platform.log.warn({ err: error, model: name }, 'a bundled model cannot be used');
      }
    }
  }
}
