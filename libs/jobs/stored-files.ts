/** Files as their owners see them. */
import type { EntityManager, SelectQueryBuilder } from 'typeorm';
import { StoredFile } from '#platform/database/entities/stored-file.js';

/** Whether a row `file` is of a file that is there: neither deleted nor expired. */
export const fileIsThere = `file.deleted_at IS NULL AND (file.expires_at IS NULL OR file.expires_at > now())`;

/** A query over the files `file` of a project that are there. */
export function filesOf(manager: EntityManager, projectId: string): SelectQueryBuilder<StoredFile> {
  return everyFileOf(manager, projectId).andWhere(fileIsThere);
}

/** The same with those that are not there any more. */
export function everyFileOf(manager: EntityManager, projectId: string): SelectQueryBuilder<StoredFile> {
  return manager.createQueryBuilder(StoredFile, 'file').where('file.projectId = :projectId', { projectId });
}
