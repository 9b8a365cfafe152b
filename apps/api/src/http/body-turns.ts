/**
 * Large bodies one after another: reading one keeps the event loop for some milliseconds, and ten that come at once would
 * keep everybody else waiting for all of them.
 */
import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import { FairQueue } from '#platform/fair-queue.js';

/** Smaller ones are read in no time. */
export const largeBody = 16 * 1024;
/** Each of those that wait is held in memory. */
const waiting = { waitingOfOne: 64, waiting: 128 };
const longestRest = 250;

export class BodyTurns {
  private readonly queue = new FairQueue({ atOnce: 1, ...waiting, what: 'large bodies' });

  /**
   * Resolves when it is the body's turn. All that is done with it up to the first wait for something else is its turn; then
   * the event loop is free for as long again. Projects take turns. Throws LowrankError `queue_full` if too many wait.
   */
  async next(projectId: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const turn = async () => {
        const start = performance.now();
        resolve();
        await setImmediate();
        await delay(Math.min(longestRest, performance.now() - start));
      };
      this.queue.run(projectId, turn).catch(reject);
    });
  }
}
