import path from 'node:path';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type {
  AnswerUpdate,
  ClassifiedInputs,
  ClassifierTask,
  GeneratedAnswer,
  generatorMethods,
  GeneratorTask,
} from '#contracts/generator-calls.js';
import type { Platform } from '#platform/platform.js';
import { ProcessOnDemand } from '#platform/process-on-demand.js';
import { ApiError } from '../errors/api-error.js';
import { PrometheusService } from '../prometheus/prometheus.service.js';
import { GENERATOR_MAIN, PLATFORM } from '../tokens.js';
import { generatorProcess } from './generator-process.js';

/** Prompts that the process has at a time: their answers grow side by side, each at a part of the speed. */
const maxConcurrent = 4;

interface AnswerHooks {
  readonly signal: AbortSignal;
  readonly onUpdate: (update: AnswerUpdate) => void;
}

/** A prompt's place in the queue, kept from before its files are fetched. */
export interface Place extends Disposable {
  /** Waits for its turn. Throws what the process answers with, `generator_died` and, when the server stops, ApiError 503. */
  answer(task: GeneratorTask, hooks: AnswerHooks): Promise<GeneratedAnswer>;
  /** The same of texts to tell apart. */
  classify(task: ClassifierTask, signal: AbortSignal): Promise<ClassifiedInputs>;
}

/** The queue before the one process that answers prompts. It is started when it is needed, and ends when it was idle. */
@Injectable()
export class Generators implements OnModuleDestroy {
  private readonly shutdown = new AbortController();
  private places = 0;
  private atWork = 0;
  /** Called when it is their turn. */
  private readonly waiting: (() => void)[] = [];
  private readonly process: ProcessOnDemand<typeof generatorMethods>;

  constructor(
    @Inject(PLATFORM) private readonly platform: Pick<Platform, 'configuration' | 'log'>,
    @Inject(PrometheusService) private readonly prometheus: Pick<PrometheusService, 'setPrompts'>,
    @Inject(GENERATOR_MAIN) main: string,
  ) {
    const { home, generationMemoryBytes: memoryBytes, generationIdleSeconds } = platform.configuration;
    const settings = { main, cacheFolder: path.join(home, 'cache'), memoryBytes };
    this.process = new ProcessOnDemand(() => generatorProcess(settings, platform.log), {
      idleMilliseconds: 1000 * generationIdleSeconds,
    });
  }

  /** Nobody is kept waiting for a process that ends. */
  async onModuleDestroy(): Promise<void> {
    this.shutdown.abort(new ApiError('server_stopping', 'the server is being stopped: ask again in a while'));
    await this.process.end();
  }

  /** Throws ApiError 429 if too many wait already. */
  enter(): Place {
    const { generationQueue } = this.platform.configuration;
    if (this.places >= maxConcurrent + generationQueue) {
      const message = `${generationQueue} prompts wait for an answer already, which is as many as this server keeps: ask again in a while`;
      throw new ApiError('too_many_prompts', message);
    }
    this.prometheus.setPrompts(++this.places);
    const held = this.process.hold();
    return {
      answer: (task, { signal, onUpdate }) =>
        this.work(signal, (signal) => this.process.client().call('answer', task, { signal, onUpdate })),
      classify: (task, signal) =>
        this.work(signal, (signal) => this.process.client().call('classify', task, { signal })),
      [Symbol.dispose]: () => {
        this.prometheus.setPrompts(--this.places);
        held[Symbol.dispose]();
      },
    };
  }

  private async work<T>(signal: AbortSignal, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const ended = AbortSignal.any([signal, this.shutdown.signal]);
    const work = this.inTurn(() => {
      ended.throwIfAborted();
      return call(ended);
    });
    return await whileWanted(work, ended);
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.atWork < maxConcurrent) this.atWork++;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.atWork--;
    }
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
