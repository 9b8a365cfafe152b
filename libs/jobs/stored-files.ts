/** Files as their owners see them. */
import type { EntityManager, SelectQueryBuilder } from 'typeorm';
import { StoredFile } from '#platform/database/entities/stored-file.js';

/** A query over the files `file` of a project that are there: neither deleted nor expired. */
export function filesOf(manager: EntityManager, projectId: string): SelectQueryBuilder<StoredFile> {
  return everyFileOf(manager, projectId)
    .andWhere('file.deletedAt IS NULL')
    .andWhere('(file.expiresAt IS NULL OR file.expiresAt > now())');
}

/** The same with those that are not there any more. */
export function everyFileOf(manager: EntityManager, projectId: string): SelectQueryBuilder<StoredFile> {
  return manager.createQueryBuilder(StoredFile, 'file').where('file.projectId = :projectId', { projectId });
}
