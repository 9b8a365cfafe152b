/** Jobs whose base model is still fetched: they have been checked, and join the queue when it is here. */
import type { JobsParts } from '#jobs/parts.js';
import { changeJob, type NewEvent } from '#jobs/transitions.js';
import type { JobError } from '#platform/database/entities/job.js';

/** A model of a hub at a commit. */
export interface FetchedModel {
  /** `OWNER/NAME`. */
  readonly repository: string;
  readonly commit: string;
}

/** What stands in place of a base model's digest until it can be computed. */
export const pendingIdentity = ({ repository, commit }: FetchedModel): string =>
  `hub:${repository}@${commit}`;

/** The model that a job waits for; null if the digest is one. */
export function pendingModel(identity: string): FetchedModel | null {
  const [, repository, commit] = /^hub:(.+)@([0-9a-f]{40})$/.exec(identity) ?? [];
  return repository === undefined ? null : { repository, commit: commit! };
}

/** The models that jobs wait for. */
export async function pendingModels({ database }: JobsParts): Promise<FetchedModel[]> {
  const rows = await database.query<{ identity: string }[]>(
    `SELECT DISTINCT base_identity AS identity FROM job WHERE state = 'validating_files'`,
  );
  return rows.flatMap(({ identity }) => pendingModel(identity) ?? []);
}

/** Puts the jobs that wait for a model into the queue; the caller wakes the outbox relay. */
export async function releaseJobs(parts: JobsParts, model: FetchedModel, identity: string): Promise<void> {
  await changeWaiting(parts, model, (change) => {
    change.enqueue();
    change.set({ baseIdentity: identity });
    change.emit(
      { level: 'info', code: 'model.fetched', message: `${model.repository} is here: ${identity}` },
      { level: 'info', code: 'job.queued', message: 'Waiting for a worker' },
    );
  });
}

/** Ends the jobs that wait for a model which does not come. */
export async function failJobs(parts: JobsParts, model: FetchedModel, error: JobError): Promise<void> {
  await changeWaiting(parts, model, (change) => {
    change.move('failed', { error });
    change.emit({ level: 'error', code: 'job.failed', message: error.message, data: { error } });
  });
}

/** Tells the jobs that wait for a model how far it has come. */
export async function tellJobs(parts: JobsParts, model: FetchedModel, message: string): Promise<void> {
  const event: NewEvent = { level: 'info', code: 'model.fetching', message };
  await changeWaiting(parts, model, (change) => change.emit(event));
}

type Change = Parameters<Parameters<typeof changeJob>[2]>[0];

async function changeWaiting(
  parts: JobsParts,
  model: FetchedModel,
  work: (change: Change) => void,
): Promise<void> {
  const identity = pendingIdentity(model);
  const rows = await parts.database.query<{ id: string }[]>(
    `SELECT id FROM job WHERE state = 'validating_files' AND base_identity = $1 ORDER BY created_at`,
    [identity],
  );
  for (const { id } of rows) {
    await changeJob(parts, id, (change) => {
      // It may have been cancelled, or another process was first.
      const { state, baseIdentity } = change.job;
      if (state === 'validating_files' && baseIdentity === identity) work(change);
    });
  }
}
