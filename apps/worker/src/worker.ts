/** The worker: takes jobs from the queue, keeps its claims alive, and gives everything back when it stops. */
import { hostname } from 'node:os';
import { In } from 'typeorm';
import { LowrankError } from '#base/errors.js';
import { Claims } from '#jobs/claims.js';
import { type FailurePolicy, failurePolicy } from '#jobs/endings.js';
import { OutboxRelay } from '#jobs/outbox.js';
import { Reconciler } from '#jobs/reconciler.js';
import { whenReachable } from '#jobs/retrying.js';
import { isTerminal } from '#jobs/transitions.js';
import { Workers } from '#jobs/workers.js';
import { Job } from '#platform/database/entities/job.js';
import { Task } from '#platform/database/entities/task.js';
import { newId } from '#platform/ids.js';
import type { Platform } from '#platform/platform.js';
import type { Consumer } from '#platform/queue/job-queue.js';
import { Caretaker } from './caretaker.js';
import { DeviceSlots, type DeviceSlot } from './device-slots.js';
import { Heartbeats } from './heartbeats.js';
import type { AttemptParts } from './attempt-parts.js';
import { JobAttempt } from './job-attempt.js';
import { pinnedDevice } from './pinned-device.js';
import { memoryNeed } from './memory-need.js';
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
  readonly findDevices: () => Promise<DeviceSlot[]>;
  readonly silence?: SilenceLimits;
  readonly policy?: FailurePolicy;
}

/** Shares of the grace period at which training has stopped, and at which nothing more is uploaded. */
const stopShare = 0.6;
const saveShare = 0.85;
/** How long a delivery waits for the database before it is given back to the queue. */
const deliverySeconds = 60;

export class Worker {
  readonly id = newId('worker');
  private readonly claims: Claims;
  private readonly relay: OutboxRelay;
  private readonly reconciler: Reconciler;
  private readonly workers: Workers;
  private readonly notes: WorkerNotes;
  private readonly pool: TrainerPool;
  private readonly heartbeats: Heartbeats;
  private readonly caretaker: Caretaker;
  private readonly taskRunner: TaskRunner;
  private readonly slots = new DeviceSlots();
  private readonly attempts = new Map<
    string,
    { readonly attempt: JobAttempt; readonly ended: Promise<void> }
  >();
  /** Jobs that were given back to the queue because their device was busy. */
  private readonly deferred = new Set<string>();
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
    this.relay = new OutboxRelay(platform, log);
    this.workers = new Workers(database);
    this.notes = new WorkerNotes(configuration.home);
    this.pool = new TrainerPool(options.trainerMain, log);
    const lostSeconds = configuration.workerLostSeconds;
    this.reconciler = new Reconciler(platform, log, { lostSeconds, policy }, () => this.relay.wake());
    this.heartbeats = new Heartbeats(this.claims, this.workers, log, {
      workerId: this.id,
      seconds: configuration.workerHeartbeatSeconds,
      attempts: () => [...this.attempts.values()].map(({ attempt }) => attempt),
    });
    this.taskRunner = new TaskRunner(platform, this.id);
    this.caretaker = new Caretaker(platform, () => this.sweepWork());
  }

  /** Resolves when jobs are taken. */
  async start(): Promise<void> {
    const { queue, notifications, configuration, log } = this.platform;
    await this.notes.write(this.id);
    await this.bury();
    this.pool.warm();
    for (const slot of await this.options.findDevices()) this.slots.add(slot);
    await this.workers.register({
      id: this.id,
      host: hostname(),
      pid: process.pid,
      version: this.options.version,
      devices: this.slots.facts,
    });
    this.relay.start();
    this.reconciler.start();
    this.heartbeats.start();
    this.caretaker.start();
    this.taskRunner.start();
    this.unlisten = notifications.listen('lowrank_control', (jobId) => this.heartbeats.lookAt(jobId));
    const concurrency = Math.max(1, this.slots.count);
    this.consumer = queue.consume((jobId) => this.deliver(jobId), { concurrency });
    const devices = this.slots.facts;
    log.info({ worker: this.id, devices, home: configuration.home }, 'the worker takes jobs');
  }

  /** Gives back every job at a checkpoint, within the grace period; at once if `hurry` aborts. */
  stop(hurry?: AbortSignal): Promise<void> {
    this.stopped ??= this.handOverAll(hurry);
    return this.stopped;
  }

  private async handOverAll(hurry: AbortSignal | undefined): Promise<void> {
    const { configuration, log } = this.platform;
    const grace = configuration.shutdownGraceSeconds;
    log.info({ worker: this.id, jobs: [...this.attempts.keys()] }, 'the worker stops');
    const closed = this.consumer
      ?.close()
      .catch((err: unknown) => log.warn({ err }, 'the queue did not close'));
    const tasksStopped = this.taskRunner
      .stop()
      .catch((err: unknown) => log.warn({ err }, 'a task was not given back'));
    const running = () => [...this.attempts.values()];
    for (const { attempt } of running()) attempt.handOver(stopShare * grace);
    const timers = [
      setTimeout(() => running().forEach(({ attempt }) => attempt.stopSaving()), 1000 * saveShare * grace),
      setTimeout(() => running().forEach(({ attempt }) => attempt.giveUp()), 1000 * grace),
    ];
    hurry?.addEventListener('abort', () => running().forEach(({ attempt }) => attempt.giveUp()));
    if (hurry?.aborted) running().forEach(({ attempt }) => attempt.giveUp());
    while (this.attempts.size > 0) await Promise.all(running().map(({ ended }) => ended));
    for (const timer of timers) clearTimeout(timer);
    await Promise.all([closed, tasksStopped]);
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
  private async bury(): Promise<void> {
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

  private async deliver(jobId: string): Promise<void> {
    if (this.stopped) throw new LowrankError('worker_stopping', 'the worker stops and takes no more jobs');
    const { database } = this.platform;
    const find = () => database.manager.findOneBy(Job, { id: jobId });
    const job = await whenReachable(find, { seconds: deliverySeconds });
    if (job?.state !== 'queued') return;
    // It was given back a moment ago.
    await this.attempts.get(jobId)?.ended;
    await this.take(job);
  }

  private async take(job: Job): Promise<void> {
    const { database, log } = this.platform;
    const need = memoryNeed(job);
    if (need > this.options.memoryBytes && (await this.fitsElsewhere(need))) {
      throw new LowrankError(
        'job_too_large',
        `job ${job.id} needs ${need} bytes of memory, more than this worker has`,
      );
    }
    const wanted = await whenReachable(() => pinnedDevice(database, job), { seconds: deliverySeconds });
    if (!this.slots.has(wanted)) {
      throw new LowrankError('device_missing', `job ${job.id} asks for ${wanted}, which this worker has not`);
    }
    const slot = this.slots.take(wanted);
    if (!slot) {
      this.deferred.add(job.id);
      throw new LowrankError('device_busy', `job ${job.id} waits for ${wanted}`);
    }
    try {
      const claim = () => this.claims.claimJob(job.id, this.id, slot.device);
      const claimed = await whenReachable(claim, { seconds: deliverySeconds });
      if (!claimed) return;
      const attempt = new JobAttempt(this.attemptParts(), claimed.job, claimed.attempt, slot);
      const ended = attempt.run();
      this.attempts.set(job.id, { attempt, ended });
      if (this.stopped) attempt.handOver(stopShare * this.platform.configuration.shutdownGraceSeconds);
      await ended;
    } finally {
      this.attempts.delete(job.id);
      slot.release();
      this.relay.wake();
      this.pool.warm();
      await this.recall().catch((err: unknown) => log.debug({ err }, 'waiting jobs come later'));
    }
  }

  /** Lets jobs that waited for a device of this worker come again now. */
  private async recall(): Promise<void> {
    const jobIds = [...this.deferred];
    this.deferred.clear();
    for (const jobId of jobIds) await this.platform.queue.add(jobId);
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
      claims: this.claims,
      pool: this.pool,
      memoryBytes,
      fitsElsewhere: (bytes) => this.fitsElsewhere(bytes),
      silence,
    };
  }

  private async fitsElsewhere(bytes: number): Promise<boolean> {
    const others = await this.workers.alive(this.platform.configuration.workerLostSeconds);
    return others.some(
      ({ id, devices }) =>
        id !== this.id &&
        devices.some(({ memory_bytes: memory }) => typeof memory === 'number' && memory >= bytes),
    );
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
