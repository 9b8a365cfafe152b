import { availableParallelism } from 'node:os';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { CompositionForm } from '#adapters/composition-recipe.js';
import type { ExportFormatName } from '#adapters/exports/declared.js';
import type { MemberFolder } from '#contracts/member-folder.js';
import type { DataForm } from '#data/data-form.js';
import type { DatasetSummary } from '#data/dataset.js';
import type { CheckedFolder, Planned, PlannedFile, plannerMethods } from '#jobs/planner-calls.js';
import type { BaseModel } from '#platform/database/entities/base-model.js';
import { FairQueue } from '#platform/fair-queue.js';
import type { Platform } from '#platform/platform.js';
import { PLANNER, PLATFORM } from '../tokens.js';
import { SpoolFolder, spoolRoot } from '../intake/spool-folder.js';
import { FetchedSpans } from './fetched-spans.js';
import { KnownPlans } from './known-plans.js';
import type { DataFile, PlanOrder } from './plan-order.js';
import type { OnDemand, StartPlanner } from './planner-process.js';

type PlannerProcess = OnDemand<typeof plannerMethods>;

/** Plans that are made at a time, each in a process of its own. */
const plansAtOnce = availableParallelism() >= 4 ? 2 : 1;
const waitingPlans = { waitingOfOne: 32, waiting: 128 };
/** Uploads are on the disk while they wait to be checked. */
const checksAtOnce = 2;
const waitingChecks = { waitingOfOne: 1000, waiting: 4000 };
const planKeptMilliseconds = 10 * 60_000;
/** Tokenizers, and heads of data sets. */
const planner = { idleMilliseconds: planKeptMilliseconds, keptBytes: 400e6 };
/** One that was just started has 80 MB, and knows nothing that would be missed. */
const checker = { idleMilliseconds: 30_000, keptBytes: 130e6 };
/** Seconds for a plan, and for one whose client is gone. */
const planSeconds = 60;
const graceSeconds = 1;

/**
 * What takes long on texts and files that callers wrote, done in other processes: this one serves everybody. Projects take
 * turns, and a plan whose client is gone is ended.
 */
@Injectable()
export class Planner implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly plans = new FairQueue({ atOnce: plansAtOnce, ...waitingPlans, what: 'plans' });
  private readonly checks = new FairQueue({ atOnce: checksAtOnce, ...waitingChecks, what: 'uploads' });
  private readonly known = new KnownPlans(planKeptMilliseconds);
  /** Those that plan nothing now. */
  private readonly free: PlannerProcess[];
  private readonly planners: readonly PlannerProcess[];
  private readonly checker: PlannerProcess;

  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(PLANNER) start: StartPlanner,
  ) {
    const { log } = platform;
    this.planners = Array.from({ length: plansAtOnce }, () => start(log, planner));
    this.free = [...this.planners];
    this.checker = start(log, checker);
  }

  /** Loads the modules of one before the first plan comes. */
  onApplicationBootstrap(): void {
    using _ = this.planners[0]!.hold();
    this.planners[0]!.client();
  }

  async onModuleDestroy(): Promise<void> {
    for (const process of [...this.planners, this.checker]) await process.end();
  }

  /** Plans that wait for their turn. */
  get waiting(): number {
    return this.plans.length;
  }

  /** Throws what `planJob` throws, LowrankError `queue_full`, `planner_died`, `call_timeout`, and the signal's reason. */
  async plan(projectId: string, order: PlanOrder, signal: AbortSignal): Promise<Planned> {
    const make = (signal: AbortSignal) =>
      this.plans.run(
        projectId,
        async () => {
          const planner = this.free.pop()!;
          try {
            return await this.planWith(planner, order, signal);
          } finally {
            this.free.push(planner);
          }
        },
        signal,
      );
    return this.known.find(projectId, order, make, signal);
  }

  /** Checks all of an uploaded file. Throws DataError's facts as a LowrankError, and the signal's reason. */
  async checkData(
    projectId: string,
    upload: { readonly file: string; readonly name: string; readonly form: DataForm | null },
    signal: AbortSignal,
  ): Promise<DatasetSummary> {
    return this.check(projectId, signal, () => this.checker.client().call('checkData', upload, { signal }));
  }

  /** Checks what has come so far of an upload. Throws as `checkData`. */
  async checkDataHead(
    projectId: string,
    upload: { readonly file: string; readonly name: string; readonly form: DataForm | null },
    signal: AbortSignal,
  ): Promise<void> {
    await this.check(projectId, signal, () =>
      this.checker.client().call('checkDataHead', upload, { signal }),
    );
  }

  /** Checks the folder of a base model with its tokenizer, which may be large. Throws as the method says. */
  async checkModel(folder: string): Promise<void> {
    const { signal } = new AbortController();
    await this.check('base models', signal, () => this.checker.client().call('checkModel', { folder }));
  }

  /** Unpacks an adapter into a folder; yields the base model that it names, which may be anything. */
  async openArchive(
    projectId: string,
    input: { readonly archive: string; readonly folder: string; readonly maxBytes: number },
    signal: AbortSignal,
  ): Promise<unknown> {
    const opened = await this.check(projectId, signal, () =>
      this.checker.client().call('openArchive', input, { signal }),
    );
    return opened.base;
  }

  /** Checks whether members make a composition of a form. */
  async checkMembers(
    projectId: string,
    members: readonly MemberFolder[],
    form: CompositionForm,
    signal: AbortSignal,
  ): Promise<void> {
    const input = { members: [...members], form };
    await this.check(projectId, signal, () => this.checker.client().call('checkMembers', input, { signal }));
  }

  /** Checks whether a format of exports can hold an adapter, as the worker will. */
  async checkExport(
    projectId: string,
    order: { readonly member: MemberFolder; readonly baseFolder: string; readonly format: ExportFormatName },
    signal: AbortSignal,
  ): Promise<void> {
    await this.check(projectId, signal, () => this.checker.client().call('checkExport', order, { signal }));
  }

  /** Checks the folder of an adapter and completes it. */
  async checkAdapter(
    projectId: string,
    folder: string,
    { name, folder: baseFolder, identity }: BaseModel,
    signal: AbortSignal,
  ): Promise<CheckedFolder> {
    const input = { folder, base: { name, folder: baseFolder, identity } };
    return this.check(projectId, signal, () => this.checker.client().call('checkAdapter', input, { signal }));
  }

  private async check<T>(projectId: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    using _ = this.checker.hold();
    return await this.checks.run(projectId, work, signal);
  }

  private async planWith(
    planner: PlannerProcess,
    { trainingFile, validationFile, ...rest }: PlanOrder,
    signal: AbortSignal,
  ): Promise<Planned> {
    using _ = planner.hold();
    const task = {
      ...rest,
      trainingFile: facts(trainingFile),
      validationFile: validationFile && facts(validationFile),
    };
    const options = { signal, graceSeconds, deadlineSeconds: planSeconds };
    const first = await planner.client().call('plan', task, options);
    if ('planned' in first) return first.planned;
    await using spool = await SpoolFolder.make(spoolRoot(this.platform.configuration.home));
    const fetched = (name: string, file: DataFile) =>
      new FetchedSpans(this.platform.objects, file, spool.file(name));
    const files = {
      training: fetched('training', trainingFile),
      validation: validationFile && fetched('validation', validationFile),
    };
    for (let { missing } = first; ;) {
      for (const { file, start, length } of missing) await files[file]!.fetch(start, length, signal);
      const { training, validation } = files;
      const content = {
        trainingFile: { ...task.trainingFile, content: training.here },
        validationFile: task.validationFile && { ...task.validationFile, content: validation!.here },
      };
      const answer = await planner.client().call('plan', { ...task, ...content }, options);
      if ('planned' in answer) return answer.planned;
      ({ missing } = answer);
    }
  }
}

function facts({ filename: name, bytes, sha256, form }: DataFile): PlannedFile {
  return { name, bytes, sha256, form, content: null };
}
