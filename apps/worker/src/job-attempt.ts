/** One attempt of a job, from the claim to the transaction that ends it. */
import { join } from 'node:path';
import type { TrainerUpdate } from '#contracts/trainer-calls.js';
import { LowrankError } from '#base/errors.js';
import type { Claim, RequestedActions } from '#jobs/claims.js';
import type { AttemptOutcome } from '#jobs/endings.js';
import { resolvedOf } from '#jobs/job-options.js';
import type { StepMetrics } from '#training/metrics.js';
import { declarationOf } from '#training/objectives/declared/registry.js';
import type { Log } from '#jobs/parts.js';
import { whenReachable } from '#jobs/retrying.js';
import { isTerminal } from '#jobs/transitions.js';
import { Checkpoint } from '#platform/database/entities/checkpoint.js';
import type { Job } from '#platform/database/entities/job.js';
import type { TrainingSummary } from '#training/events.js';
import { uploadAdapter } from './adapter-upload.js';
import type { AttemptParts } from './attempt-parts.js';
import { restoreCheckpoint } from './checkpoint-restore.js';
import { CheckpointUploader } from './checkpoint-uploader.js';
import type { TakenSlot } from './device-slots.js';
import { InputError, prepareInputs } from './input-files.js';
import { memoryNeed } from './memory-need.js';
import {
  outcomeOfEnd,
  outcomeOfError,
  outcomeOfMemory,
  outcomeOfAction,
  type AttemptAction,
  attemptActions,
} from './outcomes.js';
import { ProgressWriter } from './progress-writer.js';
import { missingMetrics } from './replay-metrics.js';
import { cleanText, recordsOf } from './run-records.js';
import type { StoreWait } from './transfer.js';
import { silenceLimits, type RunEnd, TrainerRun } from './trainer-run.js';
import { WorkFolder } from './work-folder.js';

/** A step may take this long and is still stopped by force. */
const cancelSeconds = 3;
/** A pause has time: what is lost would be computed again. */
const pauseSeconds = 900;

export class JobAttempt {
  private requested: AttemptAction = 'go on';
  private trainer: TrainerRun | undefined;
  private writer: ProgressWriter | undefined;
  private uploader: CheckpointUploader | undefined;
  private readonly log: Log;
  private tokensPerSecond: number | undefined;
  private lastStep: StepMetrics | undefined;
  /** Bytes that the run would need, if that is more than the machine has. */
  private tooLarge: number | undefined;
  private failure: unknown;
  /** Aborted by any request to stop, pause or cancel: then nothing more is started. */
  private readonly starting = new AbortController();
  /** Aborted when results are not wanted, or there is no time left for them. */
  private readonly saving = new AbortController();
  /** Aborted when the database is not waited for any more. */
  private readonly ending = new AbortController();

  private readonly storeWait: StoreWait = {
    waits: (err) => {
      this.log.warn({ err, job: this.job.id }, 'an attempt waits for the object store');
      this.writer?.add({ waiting: { code: err.code, message: cleanText(err.message) } });
    },
    goesOn: () => {
      this.log.info({ job: this.job.id }, 'an attempt goes on: the object store answers');
      this.writer?.add({ waiting: null });
    },
  };

  constructor(
    private readonly parts: AttemptParts,
    readonly job: Job,
    readonly attempt: number,
    private readonly slot: Pick<TakenSlot, 'device' | 'environment'>,
  ) {
    this.log = parts.log;
  }

  /** Does everything and resolves when the attempt has ended; never throws. */
  async run(): Promise<void> {
    let outcome: AttemptOutcome;
    try {
      outcome = await this.work();
    } catch (error) {
      outcome = this.outcomeOfFailure(error);
    }
    this.writer?.stop();
    if (this.requested === 'lost') return;
    await this.finish(outcome);
  }

  /** Does what the job's owner has requested. */
  apply({ cancel, pause }: RequestedActions): void {
    if (cancel)
      this.request('cancel', () => this.trainer?.stop({ checkpoint: false, seconds: cancelSeconds }));
    else if (pause)
      this.request('pause', () => this.trainer?.stop({ checkpoint: true, seconds: pauseSeconds }));
  }

  /** Stops at a checkpoint and gives the job back. `seconds` are left for training to stop. */
  handOver(seconds: number): void {
    this.request('hand over', () => this.trainer?.stop({ checkpoint: true, seconds }));
  }

  /** The job belongs to another worker or to none: nothing more is written. */
  lose(): void {
    if (this.requested !== 'lost')
      this.log.warn({ job: this.job.id, attempt: this.attempt }, 'an attempt has lost its job');
    this.request('lost', () => this.trainer?.kill());
    this.writer?.stop();
  }

  /** Saves nothing more; the job is still given back. */
  stopSaving(): void {
    this.trainer?.kill();
    this.saving.abort(new LowrankError('attempt_stopped', 'there was no time left to save more'));
  }

  /** Ends now, whether the database was told or not. */
  giveUp(): void {
    this.stopSaving();
    this.ending.abort(new LowrankError('attempt_stopped', 'there was no time left to wait for the database'));
  }

  private request(action: AttemptAction, stop: () => void): void {
    if (attemptActions.indexOf(action) <= attemptActions.indexOf(this.requested)) return;
    this.requested = action;
    const reason = new LowrankError('attempt_stopped', `the attempt was stopped: ${action}`);
    this.starting.abort(reason);
    if (action === 'cancel' || action === 'lost') this.saving.abort(reason);
    if (action === 'lost') this.ending.abort(reason);
    stop();
  }

  get claim(): Claim {
    return { jobId: this.job.id, attempt: this.attempt };
  }

  private async work(): Promise<AttemptOutcome> {
    const { parts, job, claim } = this;
    const { signal } = this.starting;
    const work = await WorkFolder.open(parts.home, claim, this.slot.device);
    const writer = new ProgressWriter(parts, claim, this.log, {
      onLost: () => this.lose(),
      onError: (error) => this.fail(error),
      signal: this.ending.signal,
    });
    this.writer = writer;
    const stored = await this.restore(work, writer);
    const { device } = this.slot;
    const inputParts = { ...parts, signal, storeWait: this.storeWait };
    const input = await this.withRetry(() =>
      prepareInputs(job, work, device, join(parts.home, 'cache'), inputParts),
    );
    await work.writeJob(input);
    this.uploader = new CheckpointUploader({
      objects: parts.objects,
      log: this.log,
      claim,
      objective: declarationOf(resolvedOf(this.job).training.method),
      folder: work.upload,
      signal: this.saving.signal,
      storeWait: this.storeWait,
      stored,
      onUploaded: (checkpoint) => writer.addCheckpoint(checkpoint),
    });
    const end = await this.train(work);
    await this.uploader.finish();
    await writer.flush();
    if (this.failure !== undefined) throw this.failure;
    return end.kind === 'finished' ? this.publish(work, end.summary) : this.outcomeOf(end);
  }

  /** Finds the checkpoint to go on from, and yields the steps that the store has. */
  private async restore(work: WorkFolder, writer: ProgressWriter): Promise<Set<number>> {
    const { database, objects } = this.parts;
    const { signal } = this.starting;
    const { jobId } = this.claim;
    const stored = await this.withRetry(() =>
      database.manager.find(Checkpoint, { where: { jobId }, order: { step: 'DESC' } }),
    );
    const steps = new Set(stored.map(({ step }) => step));
    const { step, from } = await restoreCheckpoint(work.out, stored, {
      objects,
      log: this.log,
      signal,
      storeWait: this.storeWait,
      onCorrupt: async ({ id, step }, error) => {
        await this.withRetry(() => database.manager.delete(Checkpoint, { id, jobId }));
        steps.delete(step);
        const message = `The checkpoint of step ${step} is damaged and is not used: ${error.message}`;
        writer.add({ events: [{ level: 'warn', code: 'checkpoint.corrupt', message, at: new Date() }] });
      },
    });
    this.log.info({ job: jobId, attempt: this.attempt, step, from }, 'an attempt begins');
    writer.add({ metrics: await this.withRetry(() => missingMetrics(database, jobId, work.out, step)) });
    return steps;
  }

  private async train(work: WorkFolder): Promise<RunEnd> {
    const { pool, claims, silence } = this.parts;
    const { signal } = this.starting;
    const process = pool.take(this.slot.environment);
    try {
      if (process.pid !== undefined) await work.noteTrainer(process.pid);
      // Long preparations may have cost the claim; what follows is expensive, and writes to the work folder.
      const answer = await this.withRetry(() => claims.heartbeat(this.claim));
      if (answer === 'lost') this.lose();
      else this.apply(answer);
      signal.throwIfAborted();
    } catch (error) {
      process.kill();
      throw error;
    }
    this.trainer = new TrainerRun(
      process,
      (message) => this.onUpdate(message),
      silence ?? silenceLimits(resolvedOf(this.job).training),
    );
    return this.trainer.run(work.jobFile, ({ kind }) => {
      // While this one exits and results are saved the next trainer can load its modules.
      if (kind === 'finished' || kind === 'cancelled') pool.warm();
    });
  }

  private onUpdate(message: TrainerUpdate): void {
    const isFirstStep = message.type === 'step' && this.lastStep === undefined;
    if (message.type === 'step') {
      this.lastStep = message;
      const now = message.tokens_per_second;
      this.tokensPerSecond = 0.8 * (this.tokensPerSecond ?? now) + 0.2 * now;
    }
    const { facts, ...records } = recordsOf(message, this.slot.device);
    const speed = message.type === 'step' ? { tokensPerSecond: this.tokensPerSecond } : {};
    this.writer?.add(facts ? { ...records, facts: { ...facts, ...speed } } : records);
    // People wait for this one.
    if (isFirstStep) void this.writer?.flush();
    if (message.type === 'checkpoint') this.uploader?.add(message, this.lastStep);
    if (message.type === 'plan') {
      const need = memoryNeed({ plan: message, options: resolvedOf(this.job).training });
      if (need <= this.parts.memoryBytes) return;
      this.tooLarge = need;
      this.trainer?.stop({ checkpoint: false, seconds: cancelSeconds });
    }
  }

  private async publish(work: WorkFolder, summary: TrainingSummary): Promise<AttemptOutcome> {
    const { objects, database } = this.parts;
    const { jobId } = this.claim;
    const { signal } = this.saving;
    const adapter = await uploadAdapter(objects, this.claim, summary, signal, this.storeWait);
    this.writer!.add({
      metrics: await this.withRetry(() => missingMetrics(database, jobId, work.out, summary.steps)),
    });
    await this.writer!.flush();
    return { end: 'succeeded', adapter, trainedTokens: summary.trained_tokens };
  }

  private async outcomeOf(end: Exclude<RunEnd, { kind: 'finished' }>): Promise<AttemptOutcome> {
    const { tooLarge, requested, parts } = this;
    if (tooLarge === undefined || requested !== 'go on') return outcomeOfEnd(end, requested);
    // Before its first step it may still go to another kind of device.
    const needs = { device: this.job.device, memoryBytes: tooLarge };
    const hasPlace = await this.withRetry(() => parts.fitsElsewhere(needs));
    return hasPlace ? { end: 'handed_over' } : outcomeOfMemory(tooLarge, parts.memoryBytes);
  }

  private outcomeOfFailure(error: unknown): AttemptOutcome {
    const outcome = outcomeOfAction(this.requested);
    if (outcome) return outcome;
    const fields = { err: error, job: this.job.id, attempt: this.attempt };
    if (error instanceof LowrankError && error.code === 'claim_lost') this.lose();
    else if (error instanceof InputError) this.log.warn(fields, 'a job cannot be run');
    else this.log.error(fields, 'an attempt failed');
    return outcomeOfError(error);
  }

  /** An error in the work beside the training (uploads, heartbeats): the training cannot continue without it. */
  private fail(error: unknown): void {
    this.failure ??= error;
    this.trainer?.kill();
  }

  private async finish(outcome: AttemptOutcome): Promise<void> {
    const { claims, home } = this.parts;
    const fields = { job: this.job.id, attempt: this.attempt, end: outcome.end };
    try {
      const ended = await this.withRetry(() => claims.finish(this.claim, outcome));
      if (ended === 'lost') {
        this.log.warn(fields, 'an attempt ended that had lost its job');
        return;
      }
      this.log.info({ ...fields, state: ended.state }, 'an attempt ended');
      if (isTerminal(ended.state)) await WorkFolder.removeAll(home, this.job.id);
    } catch (err) {
      this.log.error({ ...fields, err }, 'the end of an attempt could not be written down');
      // Otherwise the job would be found without heartbeats and tried again for ever.
      if (outcome.end !== 'failed' && !this.ending.signal.aborted) await this.finish(outcomeOfError(err));
    }
  }

  /** Database calls wait for the database. */
  private withRetry<T>(work: () => Promise<T>): Promise<T> {
    return whenReachable(work, {
      seconds: Infinity,
      signal: this.ending.signal,
      onWaiting: (err) => this.log.warn({ err, job: this.job.id }, 'an attempt waits for the database'),
    });
  }
}
