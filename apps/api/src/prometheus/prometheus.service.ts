import { Inject, Injectable } from '@nestjs/common';
import { LoopDelayMeter } from '#base/loop-delay.js';
import { childLoopDelays } from '#platform/process-client.js';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { jobStates } from '#platform/database/entities/job.js';
import type { Platform } from '#platform/platform.js';
import { PLATFORM } from '../tokens.js';

const latencySeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const answerSeconds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

/** What answering one prompt took. */
export interface AnswerFigures {
  readonly end: 'stop' | 'length' | 'failed' | 'cancelled';
  /** From its place in the queue to its last token. */
  readonly seconds: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** Numbers for Prometheus. What the database knows is read when it is asked for. */
@Injectable()
export class PrometheusService {
  private readonly registry = new Registry();
  private readonly requests = new Histogram({
    name: 'lowrank_http_request_duration_seconds',
    help: 'Time from the head of a request to the end of its answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: latencySeconds,
    registers: [this.registry],
  });
  private readonly answers = new Histogram({
    name: 'lowrank_answer_duration_seconds',
    help: 'Time from the arrival of a prompt to the end of its answer.',
    labelNames: ['end'],
    buckets: answerSeconds,
    registers: [this.registry],
  });
  private readonly answerTokens = new Counter({
    name: 'lowrank_answer_tokens_total',
    help: 'Tokens of prompts that were answered, and of their answers.',
    labelNames: ['kind'],
    registers: [this.registry],
  });
  private readonly prompts = this.gauge('lowrank_prompts', 'Prompts that wait or are being answered.');
  private readonly jobs = this.gauge('lowrank_jobs', 'Jobs in each state.', ['state']);
  private readonly queue = this.gauge('lowrank_queue_entries', 'Entries of the queue.', ['kind']);
  private readonly steps = this.gauge('lowrank_trained_steps', 'Optimizer steps of all jobs.');
  private readonly tokens = this.gauge('lowrank_trained_tokens', 'Tokens that finished jobs trained on.');
  private readonly workers = this.gauge('lowrank_workers', 'Workers with a fresh heartbeat.');

  private readonly loopDelay = this.gauge(
    'lowrank_event_loop_delay_seconds',
    'Delay of the event loop of the API and of its processes: since the last look, and in their last 5 seconds.',
    ['process', 'figure'],
  );
  private readonly meter = new LoopDelayMeter();

  constructor(@Inject(PLATFORM) private readonly platform: Platform) {
    collectDefaultMetrics({ register: this.registry, prefix: 'lowrank_api_' });
  }

  /** Notes an answered request; `route` is its pattern, so that ids make no labels. */
  observe(method: string, route: string, status: number, seconds: number): void {
    this.requests.observe({ method, route, status: String(status) }, seconds);
  }

  /** Notes a prompt that was answered, or was not. */
  observeAnswer({ end, seconds, promptTokens, completionTokens }: AnswerFigures): void {
    this.answers.observe({ end }, seconds);
    this.answerTokens.inc({ kind: 'prompt' }, promptTokens);
    this.answerTokens.inc({ kind: 'completion' }, completionTokens);
  }

  /** Notes how many prompts wait or are being answered. */
  setPrompts(count: number): void {
    this.prompts.set(count);
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  async text(): Promise<string> {
    const { database, queue, configuration } = this.platform;
    const states = await database.query<{ state: string; jobs: string; steps: string; tokens: string }[]>(
      'SELECT state, count(*) AS jobs, sum(step) AS steps, coalesce(sum(trained_tokens), 0) AS tokens FROM job GROUP BY state',
    );
    const [alive] = await database.query<{ count: string }[]>(
      'SELECT count(*) AS count FROM worker WHERE stopped_at IS NULL AND heartbeat_at > now() - make_interval(secs => $1)',
      [configuration.workerLostSeconds],
    );
    const { waiting, active } = await queue.counts();
    for (const state of jobStates) {
      this.jobs.set({ state }, Number(states.find((row) => row.state === state)?.jobs ?? 0));
    }
    const sum = (values: readonly string[]) => values.reduce((total, value) => total + Number(value), 0);
    this.steps.set(sum(states.map(({ steps }) => steps)));
    this.tokens.set(sum(states.map(({ tokens }) => tokens)));
    this.workers.set(Number(alive!.count));
    this.queue.set({ kind: 'waiting' }, waiting);
    this.queue.set({ kind: 'active' }, active);
    this.setLoopDelays();
    return this.registry.metrics();
  }

  private setLoopDelays(): void {
    for (const [process, delay] of [['api', this.meter.read()] as const, ...childLoopDelays]) {
      for (const figure of ['mean', 'p99', 'max'] as const) {
        this.loopDelay.set({ process, figure }, delay[figure]);
      }
    }
  }

  private gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }
}
