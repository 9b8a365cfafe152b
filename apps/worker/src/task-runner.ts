/**
 * Takes tasks one after another, beside the trainings, and runs each in a process of its own.
 *
 *     HOME/tasks/TASK/attempt-N/out/         what it writes
 */
import { mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { factsOf, LowrankError } from '#base/errors.js';
import type { TaskJob } from '#contracts/task-calls.js';
import { versionOf } from '#jobs/base-model-versions.js';
import { failurePolicy } from '#jobs/failure-policy.js';
import { whenReachable } from '#jobs/retrying.js';
import type { TaskClaim } from '#jobs/task-endings.js';
import { taskKinds } from '#jobs/task-kinds/registry.js';
import type { TaskInput, TaskKind, TaskKinds } from '#jobs/task-kinds/task-kind.js';
import { Tasks } from '#jobs/tasks.js';
import type { MemberFiles } from '#jobs/member-files.js';
import type { ManifestFile } from '#platform/database/entities/checkpoint.js';
import type { Task, TaskProgress } from '#platform/database/entities/task.js';
import type { Platform } from '#platform/platform.js';
import { SleepWatch } from '#platform/sleep-watch.js';
import { shownText } from './run-records.js';
import { type RunTask, runInProcess } from './task-process.js';
import { filesIn, uploadFolder, whenStoreAnswers } from './transfer.js';

const pollSeconds = 5;
/** Between two signs of life with news of the progress. */
const progressMilliseconds = 500;

/** Why a running task was stopped. */
type Stop = 'hand over' | 'lost';

export interface TaskRunnerOptions {
  readonly kinds?: TaskKinds;
  readonly run?: RunTask;
}

export class TaskRunner {
  private readonly tasks: Tasks;
  private readonly kinds: TaskKinds;
  private readonly runTask: RunTask;
  private readonly sleep: SleepWatch;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private unlisten: (() => void) | undefined;
  private isWanted = false;
  private isStopped = false;
  private current: { readonly claim: TaskClaim; readonly stop: (why: Stop) => void } | undefined;

  constructor(
    private readonly platform: Platform,
    private readonly workerId: string,
    private readonly members: MemberFiles,
    { kinds = taskKinds, run = runInProcess }: TaskRunnerOptions = {},
  ) {
    this.kinds = kinds;
    this.runTask = run;
    this.tasks = new Tasks(platform, failurePolicy, kinds);
    this.sleep = new SleepWatch(platform.configuration.workerLostSeconds / 3);
  }

  start(): void {
    const { notifications, log } = this.platform;
    this.unlisten = notifications.listen('lowrank_task', (id) => {
      if (this.current && (id === null || id === this.current.claim.id)) void this.look(this.current);
      this.wake();
    });
    log.debug({}, 'tasks are taken');
    this.sleep.start();
    this.wake();
  }

  /** Gives the task that runs to another worker. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.sleep.stop();
    this.unlisten?.();
    this.current?.stop('hand over');
    await this.running;
  }

  private wake(): void {
    if (this.isStopped) return;
    this.isWanted = true;
    this.running ??= this.work().finally(() => {
      this.running = undefined;
      if (this.isWanted) this.wake();
    });
  }

  private async work(): Promise<void> {
    clearTimeout(this.timer);
    const { log, configuration } = this.platform;
    const { workerLostSeconds } = configuration;
    try {
      while (this.isWanted && !this.isStopped) {
        this.isWanted = false;
        // Just after a sleep those of the living look lost too.
        if (this.sleep.secondsAwake >= workerLostSeconds) await this.tasks.putBackLost(workerLostSeconds);
        for (let task = await this.tasks.claim(this.workerId); task !== null;) {
          await this.run(task);
          task = this.isStopped ? null : await this.tasks.claim(this.workerId);
        }
      }
    } catch (err) {
      log.warn({ err }, 'tasks cannot be taken; will retry');
    }
    if (!this.isStopped) this.timer = setTimeout(() => this.wake(), 1000 * pollSeconds);
  }

  private async look({ claim, stop }: NonNullable<TaskRunner['current']>): Promise<void> {
    const isOurs = await this.tasks.beat(claim, null).catch(() => true);
    if (!isOurs) stop('lost');
  }

  private async run(task: Task): Promise<void> {
    const { log, configuration } = this.platform;
    const claim = { id: task.id, attempt: task.attempt };
    const abort = new AbortController();
    let why: Stop | undefined;
    const stop = (reason: Stop) => {
      why ??= reason;
      abort.abort(new LowrankError('task_stopped', `the task ${task.id} was stopped: ${reason}`));
    };
    const current = { claim, stop };
    this.current = current;
    if (this.isStopped) stop('hand over');
    const heart = setInterval(() => void this.look(current), 1000 * configuration.workerHeartbeatSeconds);
    const taskFolder = join(taskRoot(configuration.home), task.id);
    const folder = join(taskFolder, `attempt-${task.attempt}`);
    log.info({ task: task.id, attempt: task.attempt }, 'a task was taken');
    try {
      // An earlier attempt of this machine may have been killed; if it only seems so, it has lost the task.
      await rm(taskFolder, { recursive: true, force: true });
      await mkdir(folder, { recursive: true });
      const isOurs = await this.perform(task, claim, folder, abort.signal);
      log.info({ task: task.id }, isOurs ? 'the task is done' : 'the task was no longer ours');
    } catch (error) {
      if (why === 'hand over') await this.tasks.handOver(claim);
      else if (why === undefined) await this.giveUp(claim, error, abort.signal);
      else log.info({ task: task.id }, 'the task is not ours any more');
    } finally {
      clearInterval(heart);
      this.current = undefined;
      await rm(folder, { recursive: true, force: true });
      // A later attempt may be at work beside.
      await rmdir(taskFolder).catch(() => undefined);
    }
  }

  private async giveUp(claim: TaskClaim, error: unknown, signal: AbortSignal): Promise<void> {
    const { code, message } = factsOf(error);
    this.platform.log.warn({ err: error, task: claim.id }, 'a task failed');
    await this.written(claim.id, signal, () =>
      this.tasks.fail(claim, { code, message: shownText(message, error) }),
    );
  }

  private async perform(task: Task, claim: TaskClaim, folder: string, signal: AbortSignal): Promise<boolean> {
    const kind = this.kinds.of(task.kind);
    const input = kind.input.parse(task.input);
    const output = join(folder, 'out');
    const base = kind.needsBase ? await this.findBase(input) : null;
    const { base_identity: baseIdentity, members } = input;
    using taken = await this.withRetry(task, signal, () =>
      this.members.take(
        members.map((member) => ({ ...member, baseIdentity })),
        signal,
      ),
    );
    const job = {
      kind: kind.name,
      input: { ...input },
      members: [...taken.folders],
      base_folder: base,
      hub: this.hubFor(kind),
      output,
    };
    let sentAt = -Infinity;
    const onProgress = (progress: TaskProgress) => {
      if (performance.now() - sentAt < progressMilliseconds) return;
      sentAt = performance.now();
      this.tasks.beat(claim, progress).catch((err: unknown) => {
        this.platform.log.debug({ err, task: task.id }, 'progress was not written');
      });
    };
    const result = kind.result.parse(await this.runTask(job, signal, onProgress));
    const files = await this.store(task, output, signal);
    const readJson = async (name: string) =>
      JSON.parse(await readFile(join(output, name), 'utf8')) as Record<string, unknown>;
    const outcome = await kind.outcome({ input, result, files, readJson });
    return this.written(task.id, signal, () => this.tasks.finish(claim, outcome));
  }

  private hubFor({ needsHub = false }: TaskKind): TaskJob['hub'] {
    const { endpoint, token } = this.platform.configuration.hub;
    return needsHub ? { endpoint, token } : { endpoint: null, token: null };
  }

  private async store(task: Task, output: string, signal: AbortSignal): Promise<ManifestFile[]> {
    const names = await filesIn(output);
    const prefix = `tasks/${task.id}/attempts/${task.attempt}`;
    const { objects } = this.platform;
    return this.withRetry(task, signal, () => uploadFolder(objects, output, names, prefix, signal));
  }

  /** Waits for a database that is away: what was made should not be made again. */
  private written<T>(id: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return whenReachable(work, {
      signal,
      onWaiting: (err) =>
        this.platform.log.warn({ err, task: id }, 'the end of a task waits for the database'),
    });
  }

  private async findBase({ model: name, base_identity: identity }: TaskInput): Promise<string> {
    const base = await versionOf(this.platform.database.manager, { name, identity });
    if (base) return base.folder;
    throw new LowrankError(
      'model_not_found',
      `the base model ${name} that the adapter was trained on (${identity}) is not registered any more: register it again`,
    );
  }

  private withRetry<T>(task: Task, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const { log } = this.platform;
    return whenStoreAnswers(work, signal, {
      waits: (err) => log.warn({ err, task: task.id }, 'a task waits for the object store'),
      goesOn: () => log.info({ task: task.id }, 'a task goes on: the object store answers'),
    });
  }
}

/** The work of all tasks of a home. */
export function taskRoot(home: string): string {
  return join(home, 'tasks');
}

/** Removes what workers left that were killed; `isOver` says which tasks nobody works on. */
export async function sweepTasks(home: string, isOver: (ids: string[]) => Promise<string[]>): Promise<void> {
  const names = await readdir(taskRoot(home)).catch(() => []);
  for (const id of await isOver(names)) await rm(join(taskRoot(home), id), { recursive: true, force: true });
}
