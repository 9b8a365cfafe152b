import { freeDeleted } from '#jobs/sweeps.js';
import type { Platform } from '#platform/platform.js';

/** Frees the bytes of a file or adapter that was deleted; workers look again every minute. Never throws. */
export async function freeSoon(platform: Platform, id: string): Promise<void> {
  try {
    await freeDeleted(platform, id);
  } catch (err) {
    platform.log.warn({ err, id }, 'what was deleted is freed later');
  }
}
