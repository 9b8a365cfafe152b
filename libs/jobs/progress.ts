/** What a running attempt reports, written in batches under its fencing number. */
import type { EntityManager } from 'typeorm';
import type { QueryDeepPartialEntity } from 'typeorm/query-builder/QueryPartialEntity.js';
import { type Claim, regain } from '#jobs/claims.js';
import type { JobsParts } from '#jobs/parts.js';
import { keptDecisions, resolvedOf } from '#jobs/job-options.js';
import { keepCheckpoints } from '#jobs/retention.js';
import type { Reason } from '#jobs/placement.js';
import { reasonFromNow } from '#jobs/waiting.js';
import { changeJob, type JobChange, type NewEvent } from '#jobs/transitions.js';
import { Checkpoint, type ManifestFile } from '#platform/database/entities/checkpoint.js';
import { JobEvent } from '#platform/database/entities/job-event.js';
import type { Job } from '#platform/database/entities/job.js';
import { Metric, type MetricKind } from '#platform/database/entities/metric.js';
import { newId } from '#platform/ids.js';
import type { ChosenOptions } from '#training/chosen-options.js';
import type { Choice } from '#training/events.js';
import { decidedOptions } from '#training/resolved-options.js';

export interface NewMetric {
  readonly step: number;
  readonly kind: MetricKind;
  /** The fields of libs/training/metrics.ts without `type` and `step`. */
  readonly values: Record<string, unknown>;
}

/** A checkpoint whose files are in the object store. */
export interface NewCheckpoint {
  readonly step: number;
  readonly best: boolean;
  readonly files: readonly ManifestFile[];
  /** Under OpenAI's names. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Facts about the run that stand on the job. */
export interface RunFacts {
  readonly plan?: Record<string, unknown>;
  readonly totalSteps?: number;
  readonly tokensPerSecond?: number;
}

/** What the machine of the attempt decided; what an earlier attempt has decided stays. */
export interface RunDecisions {
  readonly device: string;
  readonly chosen: ChosenOptions;
  readonly choices: readonly Choice[];
}

export interface ProgressBatch {
  readonly metrics?: readonly NewMetric[];
  /** With `at`, by which an event is known again when a batch is repeated. */
  readonly events?: readonly NewEvent[];
  readonly facts?: RunFacts;
  readonly decided?: RunDecisions;
  /** What the attempt waits for; null when it goes on. */
  readonly waiting?: Reason | null;
  /** Every metric up to its step is in this batch or was written before. */
  readonly checkpoint?: NewCheckpoint;
}

export interface WrittenProgress {
  /** Files of checkpoints that are no longer kept; their objects may go. */
  readonly released: readonly ManifestFile[];
}

/**
 * Writes a batch in one transaction; 'lost' if the attempt does not hold the job any more, then nothing was written.
 * Metrics that are there already are left as they are. Safe to repeat when the answer was lost.
 */
export async function writeProgress(
  parts: JobsParts,
  claim: Claim,
  batch: ProgressBatch,
): Promise<WrittenProgress | 'lost'> {
  const written = await writeBatch(parts, claim, batch);
  return written === 'lost' && (await regain(parts, claim)) ? writeBatch(parts, claim, batch) : written;
}

async function writeBatch(
  parts: JobsParts,
  { jobId, attempt }: Claim,
  batch: ProgressBatch,
): Promise<WrittenProgress | 'lost'> {
  const changed = await changeJob(parts, jobId, async (change): Promise<WrittenProgress | 'lost'> => {
    const { job, manager } = change;
    if (job.state !== 'running' || job.attempt !== attempt) return 'lost';
    const newest = await insertMetrics(manager, job, batch.metrics ?? []);
    if (newest > job.step) change.set({ step: newest });
    if (batch.facts) change.set({ ...(batch.facts as QueryDeepPartialEntity<Job>) });
    if (batch.decided) change.set(decisionsOf(job, batch.decided));
    if (batch.waiting !== undefined) setWaiting(change, batch.waiting);
    const events = await unknownEvents(manager, jobId, batch.events ?? []);
    change.emit(...events);
    if (!batch.checkpoint) return { released: [] };
    const { checkpoint } = batch;
    if (await manager.existsBy(Checkpoint, { jobId, step: checkpoint.step })) return { released: [] };
    const id = newId('ftckpt');
    await manager.insert(Checkpoint, {
      ...checkpoint,
      id,
      jobId,
      attempt,
      files: [...checkpoint.files],
    });
    change.emit({
      level: 'info',
      code: 'checkpoint.saved',
      message: `Checkpoint created at step ${checkpoint.step}`,
      data: { checkpoint: id, step: checkpoint.step, best: checkpoint.best },
    });
    return { released: await keepCheckpoints(manager, job) };
  });
  return changed?.result ?? 'lost';
}

/** An event tells of it too, once for each reason. */
function setWaiting(change: JobChange, waiting: Reason | null): void {
  if (change.job.waiting?.code === waiting?.code) return;
  change.set({ waiting: reasonFromNow(waiting) });
  if (waiting) change.emit({ level: 'warn', code: 'job.waiting', message: `Waiting: ${waiting.message}` });
}

/** What is decided stays from the first step on; an attempt that took none leaves the next one free. */
function decisionsOf(job: Readonly<Job>, decided: RunDecisions): QueryDeepPartialEntity<Job> {
  if (keptDecisions(job)) return {};
  const isNew = ({ option }: Choice) => decided.choices.some((choice) => choice.option === option);
  const earlier = ((job.choices ?? []) as unknown as Choice[]).filter((choice) => !isNew(choice));
  return {
    resolved: decidedOptions(resolvedOf(job), decided),
    choices: [...earlier, ...decided.choices],
  } as unknown as QueryDeepPartialEntity<Job>;
}

/** Inserts what is not there and returns the newest step among the given; the caller holds the job's row. */
async function insertMetrics(
  manager: EntityManager,
  { id: jobId, attempt }: Readonly<Job>,
  metrics: readonly NewMetric[],
): Promise<number> {
  if (metrics.length === 0) return 0;
  const known = await manager
    .createQueryBuilder(Metric, 'metric')
    .select(['metric.step', 'metric.kind'])
    .where('metric.jobId = :jobId AND metric.step IN (:...steps)', {
      jobId,
      steps: [...new Set(metrics.map(({ step }) => step))],
    })
    .getMany();
  const seen = new Set(known.map(({ step, kind }) => `${kind} ${step}`));
  const fresh = metrics.filter(({ step, kind }) => {
    const name = `${kind} ${step}`;
    return !seen.has(name) && seen.add(name);
  });
  if (fresh.length > 0) {
    const last = (await manager.maximum(Metric, 'seq', { jobId })) ?? 0;
    const rows = fresh.map((metric, i) => ({ ...metric, jobId, attempt, seq: last + 1 + i }));
    await manager
      .createQueryBuilder()
      .insert()
      .into(Metric)
      .values(rows as QueryDeepPartialEntity<Metric>[])
      .orIgnore()
      .execute();
  }
  return Math.max(0, ...metrics.filter(({ kind }) => kind === 'step').map(({ step }) => step));
}

/** Events that an earlier transaction, whose answer was lost, did not write. */
async function unknownEvents(
  manager: EntityManager,
  jobId: string,
  events: readonly NewEvent[],
): Promise<NewEvent[]> {
  const times = events.flatMap(({ at }) => at ?? []);
  if (times.length === 0) return [...events];
  const known = await manager
    .createQueryBuilder(JobEvent, 'event')
    .where('event.jobId = :jobId AND event.createdAt IN (:...times)', { jobId, times })
    .getMany();
  return events.filter(
    ({ at, code, message }) =>
      !known.some(
        (event) =>
          event.createdAt.getTime() === at?.getTime() && event.code === code && event.message === message,
      ),
  );
}
