import { Inject, Injectable } from '@nestjs/common';
import type { Response } from 'express';
import type { ReadinessObject } from '#contracts/http/service.js';
import type { Platform } from '#platform/platform.js';
import { programVersion } from '#platform/program.js';
import { PLATFORM } from '../tokens.js';

/** Tells those who watch the server how it is. */
@Injectable()
export class HealthService {
  constructor(@Inject(PLATFORM) private readonly platform: Platform) {}

  health() {
    return { status: 'ok', version: programVersion, uptime_seconds: Math.round(process.uptime()) } as const;
  }

  async ready(response: Response): Promise<ReadinessObject> {
    const { database, queue, objects, notifications } = await this.platform.check();
    const parts = { database, queue, objects, notifications };
    for (const [part, { ok, error }] of Object.entries(parts)) {
      if (!ok) this.platform.log.warn({ part, reason: error }, 'not ready');
    }
    // Without notifications streams still go on, by looking now and then.
    const isReady = database.ok && queue.ok && objects.ok;
    if (!isReady) response.status(503);
    const shown = ({ ok }: { readonly ok: boolean }) => (ok ? 'up' : 'down');
    return {
      status: isReady ? 'ready' : 'not_ready',
      parts: {
        database: shown(database),
        queue: shown(queue),
        objects: shown(objects),
        notifications: shown(notifications),
      },
    };
  }
}
