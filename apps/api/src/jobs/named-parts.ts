/** What a request for a job names, found by one query. */
import type { EntityManager } from 'typeorm';
import type { JobRequest } from '#contracts/http/job-create.js';
import { fileIsThere } from '#jobs/stored-files.js';
import type { Adapter } from '#platform/database/entities/adapter.js';
import type { BaseModel } from '#platform/database/entities/base-model.js';
import type { StoredFile } from '#platform/database/entities/stored-file.js';

export type NamedBase = Pick<BaseModel, 'name' | 'folder' | 'identity'>;
export type NamedAdapter = Pick<Adapter, 'id' | 'model' | 'baseIdentity' | 'config'>;
export type NamedFile = Pick<StoredFile, 'id' | 'filename' | 'purpose' | 'bytes' | 'sha256' | 'objectKey'>;

/** Null for what is not there, or was not named. */
export interface NamedParts {
  /** The adapter that `model` names. */
  readonly tuned: NamedAdapter | null;
  readonly initAdapter: NamedAdapter | null;
  /** The version that the tuned model began with, or the current one of the base model that `model` names. */
  readonly base: NamedBase | null;
  readonly training: NamedFile | null;
  readonly validation: NamedFile | null;
}

const adapter = (condition: string) =>
  `SELECT id, model, base_identity AS "baseIdentity", config FROM adapter
   WHERE ${condition} AND project_id = $1 AND deleted_at IS NULL`;
const file = (id: string) =>
  `SELECT id, filename, purpose, bytes, sha256, object_key AS "objectKey" FROM stored_file file
   WHERE id = ${id} AND project_id = $1 AND ${fileIsThere}`;

const query = `
  WITH tuned AS (${adapter('name = $2')}),
  init_adapter AS (${adapter('id = $3')}),
  base AS (
    SELECT base_model.name, folder, identity FROM base_model LEFT JOIN tuned ON true
    WHERE base_model.name = coalesce(tuned.model, $2)
      AND CASE WHEN tuned."baseIdentity" IS NULL THEN replaced_at IS NULL ELSE identity = tuned."baseIdentity" END),
  training AS (${file('$4')}), validation AS (${file('$5')})
  SELECT (SELECT to_json(tuned) FROM tuned) AS tuned, (SELECT to_json(init_adapter) FROM init_adapter) AS "initAdapter",
    (SELECT to_json(base) FROM base) AS base,
    (SELECT to_json(training) FROM training) AS training, (SELECT to_json(validation) FROM validation) AS validation`;

export async function readNamedParts(
  manager: EntityManager,
  projectId: string,
  { model, initAdapter, trainingFile, validationFile }: JobRequest,
): Promise<NamedParts> {
  const [row] = await manager.query<NamedParts[]>(query, [
    projectId,
    model,
    initAdapter,
    trainingFile,
    validationFile,
  ]);
  return row!;
}
