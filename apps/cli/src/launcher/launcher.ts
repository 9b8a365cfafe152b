/** The whole service on one machine: database, API and workers as processes that are kept alive and stopped in order. */
import { LowrankError } from '#base/errors.js';
import { LowrankClient } from '#client/client.js';
import { type Configuration, parseConfiguration } from '#platform/config.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/database/embedded-postgres.js';
import { processMain } from '#platform/program.js';
import { type HomeLock, lockHome } from './home-lock.js';
import type { LogPrinter } from './log-lines.js';
import { requirePort } from './port.js';
import { PostgresKeeper } from './postgres-keeper.js';
import { describeEnd, SupervisedProcess, waitUntilReady } from './supervised-process.js';
import { waitFor } from '#base/wait.js';

export interface LauncherOptions {
  /** Variables of the configuration; the children get them too. PORT 0 takes a free port. */
  readonly environment: NodeJS.ProcessEnv;
  readonly log: LogPrinter;
  /** Worker processes; default 1. */
  readonly workers?: number;
  /** Stops the start. */
  readonly signal?: AbortSignal;
  /** Files and functions that stand in for the real ones, in tests. */
  readonly parts?: Partial<LauncherParts>;
}

export interface LauncherParts {
  readonly apiMain: string;
  readonly workerMain: string;
  readonly startPostgres: (home: string) => Promise<EmbeddedPostgres>;
}

/** A service that runs. */
export interface RunningStack {
  /** Address of the API. */
  readonly url: string;
  readonly home: string;
  /** Process numbers as they are now; no postgres where DATABASE_URL names another. */
  pids(): { readonly api?: number; readonly workers: number[]; readonly postgres?: number };
  /** Stops workers, API and database in this order. If `hurry` aborts, what still runs is killed. */
  stop(hurry?: AbortSignal): Promise<void>;
}

const readySeconds = 120;
/** Beyond the time in which a worker hands its jobs over. */
const workerExtraSeconds = 5;
const apiGraceSeconds = 10;
/** How long the children of a launcher that was killed are waited for. */
const leftBehindSeconds = 20;

/**
 * Starts everything and resolves when a job could be submitted.
 *
 * Throws LowrankError `configuration`, `home_in_use` (pid), `port_in_use` (port, pid), `start_failed` with the last
 * lines of the process that failed, and the errors of `startEmbeddedPostgres`; nothing is left running then.
 */
export async function startStack(options: LauncherOptions): Promise<RunningStack> {
  const configuration = parseConfiguration(options.environment);
  const lock = await lockHome(configuration.home);
  const stack = new Stack(options, configuration, lock);
  try {
    await stack.start();
  } catch (error) {
    await stack.stop();
    throw error;
  }
  return stack;
}

class Stack implements RunningStack {
  url = '';
  private postgres: PostgresKeeper | undefined;
  private api: SupervisedProcess | undefined;
  private workers: SupervisedProcess[] = [];
  /** Names of the parts that have been ready: only those are started again. */
  private readonly proven = new Set<string>();
  private stopped: Promise<void> | undefined;

  constructor(
    private readonly options: LauncherOptions,
    private readonly configuration: Configuration,
    private readonly lock: HomeLock,
  ) {}

  get home(): string {
    return this.configuration.home;
  }

  async start(): Promise<void> {
    const { options, configuration, lock } = this;
    const { log, signal, parts } = options;
    const { host, home } = configuration;
    if (lock.wasOpen) log.say('warn', `${home} was open to other accounts of this machine and is closed now`);
    const port = await this.takePort();
    this.url = `http://${reachable(host)}:${port}`;
    if (configuration.databaseUrl === null) {
      const start = parts?.startPostgres ?? startEmbeddedPostgres;
      this.postgres = await PostgresKeeper.start(() => start(home), log);
    }
    signal?.throwIfAborted();
    const environment = { ...options.environment, LOWRANK_HOME: home, HOST: host, PORT: String(port) };
    const grace = configuration.shutdownGraceSeconds + workerExtraSeconds;
    this.api = this.supervise('api', parts?.apiMain ?? processMain('api'), environment, apiGraceSeconds);
    const main = parts?.workerMain ?? processMain('worker');
    const names = Array.from({ length: options.workers ?? 1 }, (_, i) =>
      i === 0 ? 'worker' : `worker-${i + 1}`,
    );
    this.workers = names.map((name) => this.supervise(name, main, environment, grace));
    const ready = this.workers.map((worker) => isReadyOf(worker));
    await Promise.all([
      this.ready('api', this.api, () => isReady(this.url)),
      ...this.workers.map((worker, i) => this.ready(names[i]!, worker, () => Promise.resolve(ready[i]!()))),
    ]);
    await lock.note(this.url);
  }

  pids(): ReturnType<RunningStack['pids']> {
    const workers = this.workers.flatMap(({ pid }) => pid ?? []);
    return { api: this.api?.pid, workers, postgres: this.postgres?.pid };
  }

  stop(hurry?: AbortSignal): Promise<void> {
    this.stopped ??= this.stopAll(hurry);
    return this.stopped;
  }

  private async stopAll(hurry?: AbortSignal): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.stop(hurry)));
    await this.api?.stop(hurry);
    await this.postgres?.stop();
    await this.lock.release();
  }

  /** What a launcher that was killed had started ends by itself, and may still have the port. */
  private async takePort(): Promise<number> {
    const { host, port } = this.configuration;
    const deadline = performance.now() + (this.lock.wasLeftBehind ? 1000 * leftBehindSeconds : 0);
    for (;;) {
      try {
        return await requirePort(host, port);
      } catch (error) {
        const isTaken = error instanceof LowrankError && error.code === 'port_in_use';
        if (!isTaken || performance.now() > deadline) throw error;
      }
      await waitFor(200, this.options.signal);
    }
  }

  private supervise(
    name: string,
    main: string,
    environment: NodeJS.ProcessEnv,
    graceSeconds: number,
  ): SupervisedProcess {
    const { log } = this.options;
    const child = new SupervisedProcess({
      name,
      main,
      environment,
      graceSeconds,
      restarts: () => this.proven.has(name),
      onOutput: log.receiver(name),
    });
    child.on('died', (end) => {
      log.say('error', `the ${name} ended ${describeEnd(end)} and is started again in ${end.pause} s`);
    });
    child.start();
    return child;
  }

  private async ready(name: string, child: SupervisedProcess, probe: () => Promise<boolean>): Promise<void> {
    const { log, signal } = this.options;
    const lastOutput = () => log.lastWords(name);
    await waitUntilReady(child, { name, probe, seconds: readySeconds, signal, lastOutput });
    this.proven.add(name);
  }
}

/** Whether the process has sent the message `ready`. */
function isReadyOf(child: SupervisedProcess): () => boolean {
  let ready = false;
  child.once('ready', () => (ready = true));
  return () => ready;
}

/** The host under which this machine itself reaches what listens on a host. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

async function isReady(url: string): Promise<boolean> {
  try {
    await new LowrankClient({ url, patienceSeconds: 0 }).ready({ signal: AbortSignal.timeout(5000) });
    return true;
  } catch {
    return false;
  }
}
