/** A trainer as its parent sees it: a process that is told what to do and tells what it did. */
import { type ChildProcess, fork } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import { type TrainerCommand, type TrainerMessage, trainerMessage } from '#contracts/trainer-messages.js';
import type { Log } from '#jobs/parts.js';
import { trainingEnvironment } from '#runtime/process-environment.js';

export interface TrainerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it wrote to its standard error. */
  readonly stderr: string;
}

/** The compiled entry beside this one. */
export const trainerMain = join(import.meta.dirname, '../../trainer/src/main.js');

const keptOutput = 4000;
/** What the channel still holds after the end of a process comes within this time. */
const channelSeconds = 2;
/** Numbers are computed for other people's machines: nothing of the service's own secrets is needed for that. */
const secrets = ['DATABASE_URL', 'REDIS_URL', 'S3_ACCESS_KEY', 'S3_SECRET_KEY'];

export class TrainerProcess {
  /** Resolves when it has ended and everything that it said was heard. */
  readonly ended: Promise<TrainerExit>;
  onMessage: (message: TrainerMessage) => void = () => undefined;
  private stderr = '';
  private hasEnded = false;

  private constructor(
    private readonly child: ChildProcess,
    private readonly log: Log,
  ) {
    child.on('message', (value) => this.receive(value));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8');
      stream?.on('data', (text: string) => {
        this.stderr = (this.stderr + text).slice(-keptOutput);
      });
    }
    this.ended = this.waitForEnd();
  }

  /** Starts a trainer that waits to be told its job. Its priority is low: whoever uses the machine comes first. */
  static start(main: string, log: Log, environment: Readonly<Record<string, string>> = {}): TrainerProcess {
    const env: NodeJS.ProcessEnv = { ...process.env, ...trainingEnvironment, ...environment };
    for (const name of secrets) delete env[name];
    const child = fork(main, ['--wait'], {
      env,
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    // A channel that is closed is seen by the end of the process.
    child.on('error', (err) => log.warn({ err, pid: child.pid }, 'a trainer could not be reached'));
    try {
      if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch (err) {
      log.warn({ err, pid: child.pid }, 'a trainer runs at the usual priority');
    }
    return new TrainerProcess(child, log);
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  get isAlive(): boolean {
    return !this.hasEnded && this.child.exitCode === null && this.child.signalCode === null;
  }

  send(command: TrainerCommand): void {
    if (this.child.connected) this.child.send(command, () => undefined);
  }

  kill(): void {
    if (this.isAlive) this.child.kill('SIGKILL');
  }

  private receive(value: unknown): void {
    const message = trainerMessage.safeParse(value);
    if (message.success) this.onMessage(message.data);
    else this.log.warn({ pid: this.pid, err: message.error }, 'a message of a trainer was not understood');
  }

  private async waitForEnd(): Promise<TrainerExit> {
    const { child } = this;
    const disconnected = new Promise<void>((resolve) => child.once('disconnect', () => resolve()));
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      child.once('exit', (code, signal) => resolve([code, signal]));
      child.once('error', () => {
        if (child.pid === undefined) resolve([null, null]);
      });
    });
    this.hasEnded = true;
    if (child.connected) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, 1000 * channelSeconds)));
      await Promise.race([disconnected, late]);
      clearTimeout(timer);
    }
    return { code, signal, stderr: this.stderr };
  }
}
