/** Brings checkpoints to the object store while training goes on, one after another. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isPlainName } from '#base/plain-path.js';
import type { Claim } from '#jobs/claims.js';
import type { Log } from '#jobs/parts.js';
import type { NewCheckpoint } from '#jobs/progress.js';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import type { ObjectStore } from '#platform/objects/object-store.js';
import type { ObjectiveDeclaration } from '#training/objectives/declared/declaration.js';
import { checkpointState, type RunProgress } from '#training/run-state.js';
import { linkFolder, type StoreWait, uploadFolder, whenStoreAnswers } from './transfer.js';

export interface UploaderParts {
  readonly objects: ObjectStore;
  readonly log: Log;
  readonly claim: Claim;
  readonly objective: ObjectiveDeclaration;
  /** Holds checkpoints until they are uploaded, whatever the trainer removes. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly storeWait: StoreWait;
  /** Steps that the store has already. */
  readonly stored: ReadonlySet<number>;
  /** Writes the row and yields files that are no longer kept. */
  readonly onUploaded: (checkpoint: NewCheckpoint) => Promise<readonly ManifestFile[]>;
}

/** The metrics of a step by name; none if no message told of it. */
type StepValues = Readonly<Record<string, unknown>> | undefined;

interface Waiting {
  readonly step: number;
  readonly best: boolean;
  readonly folder: string;
  readonly lastStep: StepValues;
}

export class CheckpointUploader {
  private waiting: Waiting[] = [];
  private linking: Promise<void> = Promise.resolve();
  private running: Promise<void> | undefined;
  /** A trainer tells of its last checkpoint once more when it stops. */
  private readonly taken = new Set<number>();

  constructor(private readonly parts: UploaderParts) {}

  /** Takes a checkpoint that the trainer wrote; `lastStep` is what was reported of its last step. */
  add({ step, best, folder }: { step: number; best: boolean; folder: string }, lastStep?: StepValues): void {
    if (this.parts.stored.has(step) || this.taken.has(step)) return;
    this.taken.add(step);
    const copy = join(this.parts.folder, `step-${step}`);
    this.linking = this.keep({ step, best, folder: copy, lastStep }, folder, this.linking);
  }

  /** Resolves when everything is uploaded, or given up. */
  async finish(): Promise<void> {
    await this.linking;
    while (this.running) await this.running;
  }

  private async keep(checkpoint: Waiting, from: string, after: Promise<void>): Promise<void> {
    const { log, claim, signal } = this.parts;
    await after;
    try {
      await linkFolder(from, (await readdir(from)).filter(isPlainName), checkpoint.folder);
    } catch (error) {
      this.taken.delete(checkpoint.step);
      // The trainer has newer ones by now.
      const { message } = error as Error;
      if (!signal.aborted)
        log.warn({ job: claim.jobId, step: checkpoint.step, message }, 'a checkpoint is not uploaded');
      return;
    }
    await this.dropOutdated(checkpoint.best);
    this.waiting.push(checkpoint);
    this.wake();
  }

  private wake(): void {
    this.running ??= this.work().finally(() => {
      this.running = undefined;
      // Something may have come after the last look.
      if (this.waiting.length > 0 && !this.parts.signal.aborted) this.wake();
    });
  }

  /** If checkpoints are made faster than uploaded, those in between are left out; the best one stays. */
  private async dropOutdated(isBest: boolean): Promise<void> {
    const dropped = this.waiting.filter(({ best }) => !best || isBest);
    this.waiting = this.waiting.filter((entry) => !dropped.includes(entry));
    for (const { folder } of dropped) await this.remove(folder);
  }

  /** What cannot be removed goes with the work folder. */
  private async remove(folder: string): Promise<void> {
    const { log, claim } = this.parts;
    await rm(folder, { recursive: true, force: true }).catch((err: unknown) => {
      log.warn({ err, job: claim.jobId, folder }, 'a checkpoint that was uploaded could not be removed');
    });
  }

  private async work(): Promise<void> {
    const { signal, log, claim } = this.parts;
    for (let next = this.waiting.shift(); next && !signal.aborted; next = this.waiting.shift()) {
      const { step } = next;
      try {
        await this.upload(next);
      } catch (err) {
        if (signal.aborted) return;
        log.error({ err, job: claim.jobId, step }, 'a checkpoint could not be uploaded');
      } finally {
        await this.remove(next.folder);
      }
    }
  }

  private async upload({ step, best, folder, lastStep }: Waiting): Promise<void> {
    const { objects, log, claim, objective, signal, storeWait, onUploaded } = this.parts;
    const prefix = `jobs/${claim.jobId}/attempts/${claim.attempt}/checkpoints/${step}`;
    const names = (await readdir(folder)).sort();
    const state = checkpointState.parse(JSON.parse(await readFile(join(folder, 'state.json'), 'utf8')));
    const files = await whenStoreAnswers(
      () => uploadFolder(objects, folder, names, prefix, signal),
      signal,
      storeWait,
    );
    const metrics = metricsOf(objective, state.progress, lastStep);
    const released = await onUploaded({ step, best, files, metrics });
    for (const { key } of released) {
      // What stays is swept later.
      await objects
        .delete(key)
        .catch((err: unknown) => log.warn({ err, key }, 'an object could not be deleted'));
    }
  }
}

/** The numbers of a checkpoint under OpenAI's names. */
function metricsOf(
  { checkpointMetrics }: ObjectiveDeclaration,
  progress: RunProgress,
  lastStep: StepValues,
): Record<string, number> {
  const named = (prefix: string, values: StepValues) =>
    Object.fromEntries(
      Object.entries(checkpointMetrics).flatMap(([metric, name]) => {
        const value = values?.[metric];
        return typeof value === 'number' ? [[`${prefix}${name}`, value]] : [];
      }),
    );
  const { step, last_loss, last_evaluation, evaluated_step } = progress;
  const evaluation = evaluated_step === step ? last_evaluation : null;
  return {
    step,
    ...(last_loss === null ? {} : { train_loss: last_loss }),
    ...named('train_', lastStep),
    ...(evaluation === null ? {} : { full_valid_loss: evaluation.loss, ...named('full_valid_', evaluation) }),
  };
}
