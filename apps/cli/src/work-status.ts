/** How a composition or an export stands, in a few words. */
import type { Work } from '#client/work.js';

/** Its status; how far it is where it runs, and the code of the reason where it failed. */
export function statusText({ status, progress, waiting, error }: Omit<Work, 'id' | 'object'>): string {
  if (status === 'running' && progress) {
    return `${progress.stage} ${Math.round((100 * progress.done) / progress.total)}%`;
  }
  if (status === 'queued' && waiting) return `queued: ${waiting.message}`;
  return status === 'failed' && error ? `failed: ${error.code}` : status;
}
