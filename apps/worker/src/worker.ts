/** The worker: what it consists of, and in which order that starts and stops. */
import { hostname } from 'node:os';
import { In } from 'typeorm';
import { Claims } from '#jobs/claims.js';
import { type FailurePolicy, failurePolicy } from '#jobs/failure-policy.js';
import { MemberFiles } from '#jobs/member-files.js';
import { OutboxRelay } from '#jobs/outbox.js';
import { Placement } from '#jobs/placement.js';
import { Reconciler } from '#jobs/reconciler.js';
import { isTerminal } from '#jobs/transitions.js';
import { Workers } from '#jobs/workers.js';
import { Job } from '#platform/database/entities/job.js';
import { Task } from '#platform/database/entities/task.js';
import { newId } from '#platform/ids.js';
import type { Platform } from '#platform/platform.js';
import type { Consumer } from '#platform/queue/job-queue.js';
import { Caretaker } from './caretaker.js';
import { DeviceSlots } from './device-slots.js';
import type { FoundDevices } from './find-devices.js';
import { Heartbeats } from './heartbeats.js';
import type { AttemptParts } from './attempt-parts.js';
import { JobRunner } from './job-runner.js';
import { OwnFigures } from './own-figures.js';
import { SpeedTeller } from './speed-teller.js';
import type { SilenceLimits } from './trainer-run.js';
import { sweepTasks, TaskRunner } from './task-runner.js';
import { TrainerPool } from './trainer-pool.js';
import { sweepWork } from './work-folder.js';
import { WorkerNotes } from './worker-notes.js';

export interface WorkerOptions {
  readonly version: string;
  /** Entry of the trainer. */
  readonly trainerMain: string;
  readonly memoryBytes: number;
  readonly findDevices: () => Promise<FoundDevices>;
  readonly silence?: SilenceLimits;
  readonly policy?: FailurePolicy;
}

export class Worker {
  readonly id = newId('worker');
  private readonly claims: Claims;
  private readonly members: MemberFiles;
  private readonly relay: OutboxRelay;
  private readonly reconciler: Reconciler;
  private readonly workers: Workers;
  private readonly notes: WorkerNotes;
  private readonly pool: TrainerPool;
  private readonly heartbeats: Heartbeats;
  private readonly caretaker: Caretaker;
  private readonly speedTeller: SpeedTeller;
  private readonly taskRunner: TaskRunner;
  private readonly slots = new DeviceSlots();
  private readonly figures = new OwnFigures(this.slots);
  private readonly runner: JobRunner;
  private consumer: Consumer | undefined;
  private unlisten: (() => void) | undefined;
  private stopped: Promise<void> | undefined;

  constructor(
    private readonly platform: Platform,
    private readonly options: WorkerOptions,
  ) {
    const { database, configuration, log } = platform;
    const { policy = failurePolicy } = options;
    this.claims = new Claims(platform, policy);
    this.members = new MemberFiles(platform);
    this.relay = new OutboxRelay(platform, log);
    this.workers = new Workers(database);
    this.notes = new WorkerNotes(configuration.home);
    this.pool = new TrainerPool(options.trainerMain, log);
    const lostSeconds = configuration.workerLostSeconds;
    this.reconciler = new Reconciler(platform, log, { lostSeconds, policy }, () => this.relay.wake());
    this.heartbeats = new Heartbeats(this.claims, this.workers, log, {
      workerId: this.id,
      seconds: configuration.workerHeartbeatSeconds,
      attempts: () => this.runner.attempts,
      figures: () => this.figures.read(),
    });
    this.runner = new JobRunner(platform, this.slots, {
      workerId: this.id,
      attemptParts: this.attemptParts(),
      onEnded: () => {
        this.relay.wake();
        this.pool.warm();
      },
    });
    this.taskRunner = new TaskRunner(platform, this.id, this.members);
    this.caretaker = new Caretaker(platform, () => this.sweepWork());
    this.speedTeller = new SpeedTeller(this.workers, { id: this.id, home: configuration.home }, log);
  }

  /** Resolves when jobs are taken. */
  async start(): Promise<void> {
    const { queue, notifications, configuration, log } = this.platform;
    await this.notes.write(this.id);
    await this.reapDead();
    this.pool.warm();
    const { slots, unusable } = await this.options.findDevices();
    for (const slot of slots) this.slots.add(slot);
    await this.workers.register({
      id: this.id,
      host: hostname(),
      pid: process.pid,
      version: this.options.version,
      devices: this.slots.facts,
      unusableDevices: unusable,
    });
    this.relay.start();
    this.reconciler.start();
    this.heartbeats.start();
    this.caretaker.start();
    this.taskRunner.start();
    this.unlisten = notifications.listen('lowrank_control', (jobId) => this.heartbeats.lookAt(jobId));
    if (this.slots.count > 0) {
      this.runner.start();
      this.consumer = queue.consume((jobId) => this.runner.wake(jobId), { concurrency: 1 });
    }
    if (configuration.workerMeasuresSpeed) this.speedTeller.start();
    const devices = this.slots.facts;
    log.info({ worker: this.id, devices, home: configuration.home }, 'the worker takes jobs');
  }

  /** Gives back every job at a checkpoint, within the grace period; at once if `hurry` aborts. */
  stop(hurry?: AbortSignal): Promise<void> {
    this.stopped ??= this.stopAll(hurry);
    return this.stopped;
  }

  private async stopAll(hurry: AbortSignal | undefined): Promise<void> {
    const { log } = this.platform;
    const jobs = this.runner.attempts.map(({ job }) => job.id);
    log.info({ worker: this.id, jobs }, 'the worker stops');
    const tasksStopped = this.taskRunner
      .stop()
      .catch((err: unknown) => log.warn({ err }, 'a task was not given back'));
    const jobsStopped = this.runner.stop(hurry);
    const closed = this.consumer
      ?.close()
      .catch((err: unknown) => log.warn({ err }, 'the queue did not close'));
    await Promise.all([jobsStopped, closed, tasksStopped, this.speedTeller.stop()]);
    this.unlisten?.();
    this.caretaker.stop();
    await Promise.all([this.heartbeats.stop(), this.reconciler.stop(), this.relay.stop(), this.pool.close()]);
    // What was given back goes to the queue now, rather than when somebody finds it.
    await this.relay.relayAll().catch((err: unknown) => log.warn({ err }, 'jobs were left in the outbox'));
    await this.workers
      .stopped(this.id)
      .catch((err: unknown) => log.warn({ err }, 'the worker stops unnoticed'));
    await this.notes.remove(this.id);
  }

  /** Puts back the jobs of workers of this machine that were killed, and forgets those of others that are gone. */
  private async reapDead(): Promise<void> {
    const { configuration, log } = this.platform;
    const alive = new Set((await this.workers.alive(configuration.workerLostSeconds)).map(({ id }) => id));
    for (const { workerId, isDead } of await this.notes.others()) {
      if (workerId === this.id) continue;
      if (isDead) {
        const jobs = await this.reconciler.endAttemptsOf(workerId);
        await this.workers.stopped(workerId);
        log.warn({ worker: workerId, jobs }, 'a worker of this machine had died');
      }
      if (isDead || !alive.has(workerId)) await this.notes.remove(workerId);
    }
  }

  private attemptParts(): AttemptParts {
    const { database, notifications, objects, log, configuration } = this.platform;
    const { memoryBytes, silence } = this.options;
    return {
      database,
      notifications,
      objects,
      log,
      home: configuration.home,
      members: this.members,
      claims: this.claims,
      pool: this.pool,
      memoryBytes,
      fitsElsewhere: async (needs) => {
        const placement = await Placement.read(database, configuration.workerLostSeconds);
        return placement.hasPlaceFor(needs);
      },
      silence,
    };
  }

  private async sweepWork(): Promise<void> {
    const { database, configuration, log } = this.platform;
    const count = await sweepWork(configuration.home, async (jobIds) => {
      const jobs = await database.manager.find(Job, {
        where: { id: In(jobIds) },
        select: { id: true, state: true },
      });
      const states = new Map(jobs.map(({ id, state }) => [id, state]));
      return jobIds.filter((id) => isTerminal(states.get(id) ?? 'failed'));
    });
    await sweepTasks(configuration.home, async (ids) => {
      const live = await database.manager.find(Task, {
        where: { id: In(ids), state: 'running' },
        select: { id: true },
      });
      return ids.filter((id) => !live.some((task) => task.id === id));
    });
    if (count > 0) log.info({ count }, 'work folders of jobs that are over were removed');
  }
}
