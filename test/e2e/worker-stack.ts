/** Workers on a database of their own, with the tiny job's model and data: what tests of the worker stand on. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';

import { join } from 'node:path';
import type { TrainerJobInput } from '#contracts/trainer-job.js';
import { registerModel } from '#hub/model-registry.js';
import { JobStore } from '#jobs/job-store.js';
import type { NewJob } from '#jobs/new-job.js';
import { isTerminal } from '#jobs/transitions.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { BaseModel } from '#platform/database/entities/base-model.js';
import { Job } from '#platform/database/entities/job.js';
import { JobEvent } from '#platform/database/entities/job-event.js';
import { Metric } from '#platform/database/entities/metric.js';
import { StoredFile } from '#platform/database/entities/stored-file.js';
import { parseConfiguration } from '#platform/config.js';
import { newId } from '#platform/ids.js';
import { createLog } from '#platform/log.js';
import { openPlatform, type Platform } from '#platform/platform.js';
import { startTestPostgres, type TestPostgres } from '../embedded-postgres.js';
import { tinySteps, writeTinyJob } from './tiny-job.js';

const workerMain = join(import.meta.dirname, '../../dist/processes/worker.js');
const project = 'default';

/** A worker process as a launcher starts it. */
export interface WorkerProcess {
  readonly child: ChildProcess;
  /** Everything that it wrote. */
  readonly output: () => string;
  /** Resolves when it has ended, with its exit code. */
  readonly ended: Promise<number | null>;
}

export class WorkerStack {
  private readonly workers: WorkerProcess[] = [];

  private constructor(
    readonly postgres: TestPostgres,
    readonly platform: Platform,
    readonly store: JobStore,
    private readonly job: TrainerJobInput,
    private readonly files: { readonly training: string; readonly validation: string },
    private readonly baseIdentity: string,
  ) {}

  /** `environment` is that of this process's platform and of all workers. */
  static async start(environment: NodeJS.ProcessEnv = {}): Promise<WorkerStack> {
    const postgres = await startTestPostgres();
    const { home, url } = postgres;
    const variables = { DATABASE_URL: url, LOWRANK_HOME: home, ...environment };
    const log = createLog({ level: 'silent', name: 'test' });
    const platform = await openPlatform(parseConfiguration(variables), { name: 'test', log });
    const folder = join(home, 'tiny');
    const job = await writeTinyJob(folder);
    const model = await registerModel(join(folder, 'model'), join(home, 'models'), { name: 'tiny' });
    await platform.database.manager.insert(BaseModel, {
      name: 'tiny',
      folder: model.folder,
      identity: model.identity,
      architecture: model.architecture,
      parameters: model.parameterCount,
    });
    const stored = async (name: string) => {
      const id = newId('file');
      const file = join(folder, name);
      const objectKey = `files/${id}/${name}`;
      const { bytes, sha256 } = await platform.objects.put(objectKey, createReadStream(file));
      await platform.database.manager.insert(StoredFile, {
        id,
        projectId: project,
        filename: name,
        purpose: 'fine-tune',
        bytes,
        sha256,
        objectKey,
      });
      return id;
    };
    const files = { training: await stored('train.jsonl'), validation: await stored('validation.jsonl') };
    return new WorkerStack(postgres, platform, new JobStore(platform), job, files, model.identity);
  }

  /** A worker process on somebody else's database and home. */
  static async workerOn(postgres: TestPostgres, environment: NodeJS.ProcessEnv = {}): Promise<WorkerProcess> {
    const own = { LOWRANK_HOME: postgres.home, DATABASE_URL: postgres.url };
    const worker = forkWorker({ ...own, ...environment });
    await whenReady(worker);
    return worker;
  }

  get home(): string {
    return this.postgres.home;
  }

  /** Starts a worker and resolves when it takes jobs; with a home of its own it is like another machine. */
  async startWorker(environment: NodeJS.ProcessEnv = {}): Promise<WorkerProcess> {
    const worker = this.forkWorker(environment);
    await whenReady(worker);
    return worker;
  }

  forkWorker(environment: NodeJS.ProcessEnv = {}): WorkerProcess {
    const own = { LOWRANK_HOME: this.home, DATABASE_URL: this.postgres.url };
    const worker = forkWorker({ ...own, ...environment });
    this.workers.push(worker);
    return worker;
  }

  /** Makes a job and wakes the workers, as the API does. */
  async submit(changes: Partial<NewJob> = {}): Promise<Job> {
    const { job } = await this.store.createJob(project, {
      model: 'tiny',
      baseIdentity: this.baseIdentity,
      trainingFileId: this.files.training,
      validationFileId: this.files.validation,
      initAdapterId: null,
      lora: this.job.lora as Record<string, unknown>,
      device: 'auto',
      suffix: null,
      metadata: null,
      seed: 7,
      ...changes,
      training: { ...this.training, ...changes.training },
    });
    await this.platform.queue.add(job.id);
    return job;
  }

  /** The tiny job's options, which take `tinySteps` steps. */
  get training(): Record<string, unknown> {
    const { seed: _, ...training } = this.job.training as Record<string, unknown>;
    return training;
  }

  cancel(jobId: string): Promise<Job> {
    return this.store.requestCancel(project, jobId);
  }

  pause(jobId: string): Promise<Job> {
    return this.store.requestPause(project, jobId);
  }

  async resume(jobId: string): Promise<void> {
    await this.store.resumeJob(project, jobId);
  }

  async read(jobId: string): Promise<Job> {
    return this.platform.database.manager.findOneByOrFail(Job, { id: jobId });
  }

  /** Waits until a job is as wanted; woken by its changes. */
  async until(jobId: string, isWanted: (job: Job) => boolean, seconds = 60): Promise<Job> {
    const deadline = performance.now() + 1000 * seconds;
    for (;;) {
      const changed = this.nextChange(jobId);
      const job = await this.read(jobId).catch(() => undefined);
      if (job && isWanted(job)) return job;
      if (performance.now() > deadline) {
        const said = this.workers.map(({ output }) => output()).join('\n');
        throw new Error(`job ${jobId} is ${job?.state} at step ${job?.step} after ${seconds} s:\n${said}`);
      }
      await changed;
    }
  }

  untilOver(jobId: string, seconds = 60): Promise<Job> {
    return this.until(jobId, ({ state }) => isTerminal(state), seconds);
  }

  untilStep(jobId: string, step: number): Promise<Job> {
    return this.until(jobId, (job) => job.step >= step || isTerminal(job.state));
  }

  async metrics(jobId: string): Promise<Metric[]> {
    return this.platform.database.manager.find(Metric, { where: { jobId }, order: { seq: 'ASC' } });
  }

  async events(jobId: string): Promise<JobEvent[]> {
    return this.platform.database.manager.find(JobEvent, { where: { jobId }, order: { seq: 'ASC' } });
  }

  /** What a finished job yielded, in a form to compare: the adapter's digest, every metric but its speed. */
  async outcome(jobId: string): Promise<{ sha256: string; metrics: unknown[] }> {
    const { sha256 } = await this.platform.database.manager.findOneByOrFail(Adapter, { jobId });
    const metrics = await this.metrics(jobId);
    return {
      sha256,
      metrics: metrics
        .map(({ step, kind, values }) => ({ step, kind, values: { ...values, tokens_per_second: 0 } }))
        .toSorted((a, b) => a.step - b.step || a.kind.localeCompare(b.kind)),
    };
  }

  /** Process ids of the trainers that work for a job, newest attempt first. */
  async trainerPid(jobId: string, attempt: number, home = this.home): Promise<number | undefined> {
    const { readFile } = await import('node:fs/promises');
    const file = join(home, 'work', jobId, `attempt-${attempt}`, 'note.json');
    const text = await readFile(file, 'utf8').catch(() => '{}');
    return (JSON.parse(text) as { trainer?: { pid: number } }).trainer?.pid;
  }

  async close(): Promise<void> {
    for (const { child } of this.workers) if (child.exitCode === null) child.kill('SIGKILL');
    await Promise.all(this.workers.map(({ ended }) => ended));
    await this.platform.close();
    await this.postgres.remove();
  }

  private async nextChange(jobId: string): Promise<void> {
    const { notifications } = this.platform;
    let unlisten = () => {};
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      unlisten = notifications.listen('lowrank_job', (id) => {
        if (id === null || id === jobId) resolve();
      });
      timer = setTimeout(resolve, 500);
    });
    unlisten();
    clearTimeout(timer);
  }
}

function forkWorker(environment: NodeJS.ProcessEnv): WorkerProcess {
  const { PATH, HOME, TMPDIR } = process.env;
  const child = fork(workerMain, [], {
    env: { PATH, HOME, TMPDIR, WORKER_DEVICES: 'cpu,eager', WORKER_MEASURES_SPEED: 'false', ...environment },
    execArgv: [],
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  child.stdout?.on('data', (text) => (output += String(text)));
  child.stderr?.on('data', (text) => (output += String(text)));
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  return { child, ended, output: () => output };
}

function whenReady({ child, ended, output }: WorkerProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on('message', (message) => {
      if ((message as { type?: string }).type === 'ready') resolve();
    });
    void ended.then((code) => reject(new Error(`the worker ended with ${code}: ${output()}`)));
  });
}

/** Whether a process with this number exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export { tinySteps };
