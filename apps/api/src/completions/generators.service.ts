import path from 'node:path';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { GeneratedAnswer, GeneratorTask } from '#contracts/generator-messages.js';
import type { Platform } from '#platform/platform.js';
import { ApiError } from '../errors/api-error.js';
import { PrometheusService } from '../prometheus/prometheus.service.js';
import { GENERATOR_MAIN, PLATFORM } from '../tokens.js';
import { GeneratorProcess, type TaskHooks } from './generator-process.js';

/** Prompts that the process has at a time: their answers grow side by side, each at a part of the speed. */
const mostAtOnce = 4;

/** A prompt's place in the queue, kept from before its files are fetched. */
export interface Place extends Disposable {
  /** Waits for its turn. Throws what `GeneratorProcess.answer` throws and, when the server stops, ApiError 503. */
  answer(task: Omit<GeneratorTask, 'type' | 'id'>, hooks: TaskHooks): Promise<GeneratedAnswer>;
}

/** The queue before the one process that answers prompts. It is started when it is needed, and ends when it was idle. */
@Injectable()
export class Generators implements OnModuleDestroy {
  private readonly shutdown = new AbortController();
  private current: GeneratorProcess | undefined;
  private places = 0;
  private atWork = 0;
  /** Called when it is their turn. */
  private readonly waiting: (() => void)[] = [];
  private idle: NodeJS.Timeout | undefined;

  constructor(
    @Inject(PLATFORM) private readonly platform: Pick<Platform, 'configuration' | 'log'>,
    @Inject(PrometheusService) private readonly prometheus: Pick<PrometheusService, 'setPrompts'>,
    @Inject(GENERATOR_MAIN) private readonly main: string,
  ) {}

  /** Nobody is kept waiting for a process that ends. */
  async onModuleDestroy(): Promise<void> {
    this.shutdown.abort(new ApiError('server_stopping', 'the server is being stopped: ask again in a while'));
    await this.end();
  }

  /** Throws ApiError 429 if too many wait already. */
  enter(): Place {
    const { generationQueue } = this.platform.configuration;
    if (this.places >= mostAtOnce + generationQueue) {
      const message = `${generationQueue} prompts wait for an answer already, which is as many as this server keeps: ask again in a while`;
      throw new ApiError('too_many_prompts', message);
    }
    this.prometheus.setPrompts(++this.places);
    clearTimeout(this.idle);
    return {
      answer: (task, hooks) => this.answer(task, hooks),
      [Symbol.dispose]: () => this.leave(),
    };
  }

  private leave(): void {
    this.prometheus.setPrompts(--this.places);
    if (this.places > 0) return;
    const milliseconds = 1000 * this.platform.configuration.generationIdleSeconds;
    this.idle = setTimeout(() => void this.end(), milliseconds).unref();
  }

  private async answer(
    task: Omit<GeneratorTask, 'type' | 'id'>,
    { signal, onText }: TaskHooks,
  ): Promise<GeneratedAnswer> {
    const ended = AbortSignal.any([signal, this.shutdown.signal]);
    const work = this.inTurn(() => {
      ended.throwIfAborted();
      return this.process().answer(task, { signal: ended, onText });
    });
    return await whileWanted(work, ended);
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.atWork < mostAtOnce) this.atWork++;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.atWork--;
    }
  }

  private process(): GeneratorProcess {
    if (this.current?.isAlive) return this.current;
    const { home, generationMemoryBytes } = this.platform.configuration;
    const settings = {
      main: this.main,
      cacheFolder: path.join(home, 'cache'),
      memoryBytes: generationMemoryBytes,
    };
    this.current = GeneratorProcess.start(settings, this.platform.log);
    return this.current;
  }

  private async end(): Promise<void> {
    clearTimeout(this.idle);
    const { current } = this;
    this.current = undefined;
    current?.kill();
    await current?.ended;
  }
}

/** The result, or the signal's reason as soon as it aborts: the work may need a while to notice. */
async function whileWanted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop: () => void = () => undefined;
  const unwanted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
  try {
    return await Promise.race([work, unwanted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
