import { runsOn } from '#adapters/runs-on.js';
import type { AdapterObject } from '#contracts/http/adapters.js';
import type { Adapter } from '#platform/database/entities/adapter.js';
import { unixSeconds } from '../http/unix-seconds.js';

/** An adapter as it is answered. */
export function viewAdapter(adapter: Adapter): AdapterObject {
  return {
    id: adapter.id,
    object: 'adapter',
    created_at: unixSeconds(adapter.createdAt),
    name: adapter.name,
    model: adapter.model,
    base_identity: adapter.baseIdentity,
    job: adapter.jobId,
    composition: adapter.taskId,
    // As the worker wrote it.
    recipe: adapter.recipe as AdapterObject['recipe'],
    config: adapter.config,
    classes: adapter.classes ?? null,
    runs_on: runsOn({ config: adapter.config, classes: adapter.classes ?? null }),
    notes: adapter.notes ?? [],
    files: adapter.files.map(({ path, bytes, sha256 }) => ({ name: path, bytes, sha256 })),
    bytes: adapter.bytes,
    sha256: adapter.sha256,
  };
}
