/** Which version of a base model is meant: the current one by its name, or the one that a job or adapter began with. */
import { type EntityManager, IsNull } from 'typeorm';
import { BaseModel } from '#platform/database/entities/base-model.js';

/** What new jobs and prompts get. */
export const currentVersion = (manager: EntityManager, name: string): Promise<BaseModel | null> =>
  manager.findOneBy(BaseModel, { name, replacedAt: IsNull() });

/** What was accepted with this identity, also if it was replaced or removed since. */
export const versionOf = (
  manager: EntityManager,
  version: { readonly name: string; readonly identity: string },
): Promise<BaseModel | null> =>
  manager.findOneBy(BaseModel, { name: version.name, identity: version.identity });
