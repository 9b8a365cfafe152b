import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { OutboxRelay } from '#jobs/outbox.js';
import { Reconciler } from '#jobs/reconciler.js';
import type { Platform } from '#platform/platform.js';
import { PLATFORM } from '../tokens.js';

/** What goes on in the background: jobs into the queue, jobs of dead workers back into it. */
@Injectable()
export class JobCare implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly reconciler: Reconciler;

  constructor(
    @Inject(PLATFORM) platform: Platform,
    @Inject(OutboxRelay) private readonly relay: OutboxRelay,
  ) {
    const { database, queue, notifications, log, configuration } = platform;
    this.reconciler = new Reconciler(
      { database, queue, notifications },
      log,
      { lostSeconds: configuration.workerLostSeconds },
      () => relay.wake(),
    );
  }

  onApplicationBootstrap(): void {
    this.relay.start();
    this.reconciler.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.reconciler.stop();
    await this.relay.stop();
  }
}
