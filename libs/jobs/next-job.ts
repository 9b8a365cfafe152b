/** Which job a free device takes next. */
import type { DataSource } from 'typeorm';
import { isDue, neededBytes, wantedDevice } from '#jobs/needs.js';
import { Job } from '#platform/database/entities/job.js';

export interface FreeDevice {
  /** Names by which jobs ask for it, `auto` among them if it takes jobs that leave the choice to the worker. */
  readonly takes: readonly string[];
  readonly memoryBytes: number;
  /** Jobs that it may not take, by their ids and by versions of their base models (`versionKey`). */
  readonly except?: { readonly jobs: readonly string[]; readonly models: readonly string[] };
}

/** One text for a version of a base model. */
export const versionKey = (model: string, identity: string): string => `${model} ${identity}`;

/** A job that waits, and the device that it must have: `auto`, or a name. */
export interface NextJob {
  readonly job: Job;
  readonly wanted: string;
}

/** The job that has waited longest of those that the device could run; null if there is none. It is not claimed yet. */
export async function nextJob(
  database: DataSource,
  { takes, memoryBytes, except = { jobs: [], models: [] } }: FreeDevice,
): Promise<NextJob | null> {
  const { entities, raw } = await database.manager
    .createQueryBuilder(Job, 'job')
    .addSelect(wantedDevice, 'wanted')
    .where(isDue)
    .andWhere(`${wantedDevice} = ANY(:takes)`, { takes: [...takes] })
    .andWhere(`${neededBytes} <= :memoryBytes`, { memoryBytes })
    .andWhere('job.id <> ALL(:jobs)', { jobs: [...except.jobs] })
    .andWhere("job.model || ' ' || job.baseIdentity <> ALL(:models)", { models: [...except.models] })
    .orderBy('job.queuedAt')
    .addOrderBy('job.id')
    .limit(1)
    .getRawAndEntities<{ wanted: string }>();
  const [job] = entities;
  return job ? { job, wanted: raw[0]!.wanted } : null;
}
