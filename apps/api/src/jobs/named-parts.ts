/** What requests for jobs name, found by one query. */
import type { DataSource } from 'typeorm';
import { gathered } from '#base/gather.js';
import type { DataForm } from '#data/data-form.js';
import type { JobRequest } from '#contracts/http/job-create.js';
import { fileIsThere } from '#jobs/stored-files.js';
import type { Adapter } from '#platform/database/entities/adapter.js';
import type { BaseModel } from '#platform/database/entities/base-model.js';
import type { StoredFile } from '#platform/database/entities/stored-file.js';
import { isLent } from '../models/tuned-models.js';

export type NamedBase = Pick<BaseModel, 'name' | 'folder' | 'identity'>;
export type NamedAdapter = Pick<Adapter, 'id' | 'model' | 'baseIdentity' | 'config' | 'classes'>;
export type NamedFile = Pick<StoredFile, 'id' | 'filename' | 'purpose' | 'bytes' | 'sha256'> & {
  /** What a file for training has. */
  readonly objectKey: string;
  /** What was said at its upload. */
  readonly form: DataForm | null;
};

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
  `SELECT id, model, base_identity AS "baseIdentity", config, classes FROM adapter
   WHERE ${condition} AND deleted_at IS NULL`;
const ownAdapter = (condition: string) => adapter(`${condition} AND project_id = asked.project`);
const file = (id: string) =>
  `SELECT id, filename, purpose, bytes, sha256, object_key AS "objectKey", report->'form' AS form FROM stored_file file
   WHERE id = ${id} AND project_id = asked.project AND ${fileIsThere}`;
const json = (rows: string) => `(SELECT to_json(found) FROM (${rows}) found)`;

const query = `
  SELECT CASE WHEN tuned.id IS NOT NULL THEN to_json(tuned) END AS tuned,
    ${json(ownAdapter('id = asked.init_adapter'))} AS "initAdapter",
    ${json(`SELECT name, folder, identity FROM base_model
      WHERE name = coalesce(tuned.model, asked.model) AND
        CASE WHEN tuned."baseIdentity" IS NULL THEN replaced_at IS NULL ELSE identity = tuned."baseIdentity" END`)} AS base,
    ${json(file('asked.training'))} AS training, ${json(file('asked.validation'))} AS validation
  FROM ROWS FROM (jsonb_to_recordset($1) AS (project text, model text, init_adapter text, training text, validation text))
    WITH ORDINALITY AS asked (project, model, init_adapter, training, validation, place)
    LEFT JOIN LATERAL (${adapter(`name = asked.model AND (project_id = asked.project OR ${isLent('asked.project')})`)}) tuned ON true
  ORDER BY asked.place`;

/** Finds what requests of projects name; those that come together share a statement. */
export function namedPartsReader({
  manager,
}: DataSource): (projectId: string, request: JobRequest) => Promise<NamedParts> {
  const read = gathered((asked: readonly Asked[]) =>
    manager.query<NamedParts[]>(query, [JSON.stringify(asked)]),
  );
  return (project, { model, initAdapter, trainingFile, validationFile }) =>
    read({ project, model, init_adapter: initAdapter, training: trainingFile, validation: validationFile });
}

interface Asked {
  readonly project: string;
  readonly model: string;
  readonly init_adapter: string | null;
  readonly training: string;
  readonly validation: string | null;
}
