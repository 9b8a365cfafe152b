/** A trainer as its parent sees it: a process that is told what to do and tells what it did. */
import { join } from 'node:path';
import { type TrainerCommand, type TrainerMessage, trainerMessage } from '#contracts/trainer-messages.js';
import type { Log } from '#jobs/parts.js';
import { type ComputingProcess, forkComputing } from '#platform/computing-process.js';
import { trainingEnvironment } from '#runtime/process-environment.js';

export interface TrainerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it wrote. */
  readonly output: string;
}

/** The compiled entry beside this one. */
export const trainerMain = join(import.meta.dirname, '../../trainer/src/main.js');

/** What the channel still holds after the end of a process comes within this time. */
const channelSeconds = 2;

export class TrainerProcess {
  /** Resolves when it has ended and everything that it said was heard. */
  readonly ended: Promise<TrainerExit>;
  onMessage: (message: TrainerMessage) => void = () => undefined;
  private hasEnded = false;

  private constructor(
    private readonly process: ComputingProcess,
    private readonly log: Log,
  ) {
    const { child } = process;
    // A channel that is closed is seen by the end of the process.
    child.on('error', (err) => log.warn({ err, pid: child.pid }, 'a trainer could not be reached'));
    child.on('message', (value) => this.receive(value));
    this.ended = this.waitForEnd();
  }

  /** Starts a trainer that waits to be told its job. */
  static start(main: string, log: Log, environment: Readonly<Record<string, string>> = {}): TrainerProcess {
    const process = forkComputing(main, ['--wait'], { ...trainingEnvironment, ...environment });
    return new TrainerProcess(process, log);
  }

  get pid(): number | undefined {
    return this.process.child.pid;
  }

  get isAlive(): boolean {
    return !this.hasEnded && this.process.child.exitCode === null && this.process.child.signalCode === null;
  }

  send(command: TrainerCommand): void {
    if (this.process.child.connected) this.process.child.send(command, () => undefined);
  }

  kill(): void {
    if (this.isAlive) this.process.child.kill('SIGKILL');
  }

  private receive(value: unknown): void {
    const message = trainerMessage.safeParse(value);
    if (message.success) this.onMessage(message.data);
    else this.log.warn({ pid: this.pid, err: message.error }, 'a message of a trainer was not understood');
  }

  private async waitForEnd(): Promise<TrainerExit> {
    const { child } = this.process;
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
    return { code, signal, output: this.process.output() };
  }
}
