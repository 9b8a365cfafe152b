/** The process that answers prompts, as the API sees it: this process never loads the engine. */
import {
  type GeneratedAnswer,
  type GeneratorCommand,
  generatorMessage,
  type GeneratorTask,
} from '#contracts/generator-messages.js';
import { errorOf, LowrankError } from '#base/errors.js';
import { type ComputingProcess, forkComputing } from '#platform/computing-process.js';
import type { Log } from '#platform/log.js';
import { trainingEnvironment } from '#runtime/process-environment.js';

export interface GeneratorSettings {
  /** The compiled entry of apps/generator. */
  readonly main: string;
  readonly cacheFolder: string;
  /** Of the process's own memory; beyond it, models that wait for their next prompt are let go. */
  readonly memoryBytes: number;
}

export interface TaskHooks {
  readonly signal: AbortSignal;
  readonly onText: (text: string) => void;
}

interface Listener {
  readonly onText: (text: string) => void;
  readonly resolve: (answer: GeneratedAnswer) => void;
  readonly reject: (error: unknown) => void;
}

export class GeneratorProcess {
  /** Resolves when it is gone. */
  readonly ended: Promise<void>;
  private readonly listeners = new Map<number, Listener>();
  private lastId = 0;
  private hasEnded = false;

  private constructor(
    private readonly process: ComputingProcess,
    private readonly log: Log,
  ) {
    const { child } = process;
    child.on('message', (value) => this.receive(value));
    this.ended = new Promise((resolve) => {
      // After the last message, unlike `exit`.
      child.once('close', (code, signal) => {
        this.end(signal ? `by ${signal}` : `with code ${code}`);
        resolve();
      });
      child.on('error', (err) => {
        // One that was started is seen by its end.
        if (child.pid !== undefined) {
          log.warn({ err, generator: child.pid }, 'the process that answers prompts could not be reached');
          return;
        }
        this.end(`before it began (${err.message})`);
        resolve();
      });
    });
  }

  static start({ main, cacheFolder, memoryBytes }: GeneratorSettings, log: Log): GeneratorProcess {
    const process = forkComputing(main, [cacheFolder, String(memoryBytes)], trainingEnvironment);
    log.info({ generator: process.child.pid }, 'a process that answers prompts was started');
    return new GeneratorProcess(process, log);
  }

  get isAlive(): boolean {
    return !this.hasEnded && this.process.child.connected && this.process.child.exitCode === null;
  }

  /**
   * The answer to a prompt. Throws GenerationError, LowrankError `generator_died` if the process ends before, and the
   * signal's reason.
   */
  async answer(
    task: Omit<GeneratorTask, 'type' | 'id'>,
    { signal, onText }: TaskHooks,
  ): Promise<GeneratedAnswer> {
    signal.throwIfAborted();
    const id = ++this.lastId;
    const cancel = () => this.send({ type: 'cancel', id });
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return await new Promise((resolve, reject) => {
        this.listeners.set(id, { onText, resolve, reject });
        this.send({ type: 'task', id, ...task });
      });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', cancel);
      this.listeners.delete(id);
    }
  }

  kill(): void {
    this.process.child.kill('SIGKILL');
  }

  private send(command: GeneratorCommand): void {
    // A channel that is closed is seen by the end of the process.
    if (this.process.child.connected) this.process.child.send(command, () => undefined);
  }

  private receive(value: unknown): void {
    const parsed = generatorMessage.safeParse(value);
    if (!parsed.success) {
      this.log.warn(
        { err: parsed.error },
        'a message of the process that answers prompts was not understood',
      );
      return;
    }
    const message = parsed.data;
    const listener = this.listeners.get(message.id);
    if (message.type === 'text') listener?.onText(message.text);
    else if (message.type === 'done') listener?.resolve(message);
    else listener?.reject(errorOf(message.error));
  }

  private end(how: string): void {
    this.hasEnded = true;
    if (this.listeners.size > 0) {
      this.log.warn(
        { generator: this.process.child.pid, output: this.process.output() },
        `answering prompts ended ${how}`,
      );
    }
    for (const { reject } of this.listeners.values()) {
      reject(
        new LowrankError(
          'generator_died',
          `the process that answers prompts ended ${how}, perhaps for lack of memory: ask again, which starts a new one`,
        ),
      );
    }
  }
}
