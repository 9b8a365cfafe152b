import type { EntityManager } from 'typeorm';
import { runsOn } from '#adapters/runs-on.js';
import type { AdapterObject } from '#contracts/http/adapters.js';
import type { Adapter } from '#platform/database/entities/adapter.js';
import { BaseModel } from '#platform/database/entities/base-model.js';
import { unixSeconds } from '../http/unix-seconds.js';

/** Architectures of base models by the versions that adapters name. */
export type Architectures = ReadonlyMap<string, string>;

const versionKey = (name: string, identity: string | null) => `${name} ${identity ?? ''}`;

/** Those of all versions that were ever registered; a row is a few words. */
export async function knownArchitectures(manager: EntityManager): Promise<Architectures> {
  const select = { name: true, identity: true, architecture: true } as const;
  const versions = await manager.find(BaseModel, { select });
  return new Map(
    versions.map(({ name, identity, architecture }) => [versionKey(name, identity), architecture]),
  );
}

/** An adapter as it is answered. */
export function viewAdapter(adapter: Adapter, architectures: Architectures): AdapterObject {
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
    runs_on: runsOn({
      config: adapter.config,
      classes: adapter.classes ?? null,
      architecture: architectures.get(versionKey(adapter.model, adapter.baseIdentity)) ?? null,
    }),
    notes: adapter.notes ?? [],
    files: adapter.files.map(({ path, bytes, sha256 }) => ({ name: path, bytes, sha256 })),
    bytes: adapter.bytes,
    sha256: adapter.sha256,
  };
}
