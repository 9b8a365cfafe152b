/** What experiment trackers are told of a job, and when. */
import type { EntityManager } from 'typeorm';
import { resolvedOf } from '#jobs/job-options.js';
import type { Job } from '#platform/database/entities/job.js';
import { TrackerRun } from '#platform/database/entities/tracker-run.js';
import { settingsOf, trackerFiles } from '#trackers/declared/registry.js';
import type { RunState, TrackedRun } from '#trackers/tracked-run.js';

/** Lets the servers that track a job be told of it now. */
export async function wakeTrackers(manager: EntityManager, jobId: string): Promise<void> {
  await manager.update(TrackerRun, { jobId }, { nextAt: () => 'now()' });
}

/** How to hand a job that is over to the trackers that it asked for by name and that take a file. */
export function trackerFileEvents({ id, integrations }: Readonly<Job>) {
  return trackerFiles.flatMap(({ type, title, file }) =>
    settingsOf(integrations, type) === null
      ? []
      : [
          {
            level: 'info' as const,
            code: 'tracker.file_ready',
            message: `The run can be handed to ${title}: lowrank tracker ${id} ${type} --out FOLDER, then ${file.command('FOLDER')}`,
            data: { tracker: type, path: `/v1/fine_tuning/jobs/${id}/trackers/${type}` },
          },
        ],
  );
}

/** A job as a tracker sees it. */
export function trackedRunOf(job: Readonly<Job>, type: string): TrackedRun {
  const { training, lora, device } = resolvedOf(job);
  const {
    seed: _,
    device: __,
    sample_prompts: ___,
    ...options
  } = training as unknown as Record<string, unknown>;
  return {
    jobId: job.id,
    name: job.suffix ?? job.id,
    createdAt: job.createdAt,
    startedAt: job.startedAt,
    finishedAt: job.finishedAt,
    state: stateOf(job),
    config: {
      model: job.model,
      training_file: job.trainingFileId,
      validation_file: job.validationFileId,
      seed: job.seed,
      device,
      init_adapter: job.initAdapterId,
      lora: lora ?? {},
      training: options,
    },
    tags: {
      ...job.metadata,
      ...(job.adapterId === null ? {} : { 'lowrank.adapter': job.adapterId }),
      'lowrank.project': job.projectId,
    },
    settings: settingsOf(job.integrations, type),
  };
}

function stateOf({ state }: Readonly<Job>): RunState {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled' ? state : 'running';
}
