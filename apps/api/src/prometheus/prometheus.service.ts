import { Inject, Injectable } from '@nestjs/common';
import { LoopDelayMeter } from '#base/loop-delay.js';
import { childLoopDelays } from '#platform/process-client.js';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { Workers } from '#jobs/workers.js';
import { jobStates } from '#platform/database/entities/job.js';
import type { Platform } from '#platform/platform.js';
import { PLATFORM } from '../tokens.js';
import { registerJobTimes } from './job-times.js';
import { WorkerGauges } from './worker-gauges.js';

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

interface JobGauges {
  readonly jobs: Gauge;
  readonly steps: Gauge;
  readonly tokens: Gauge;
}

function jobGauges(registry: Registry): JobGauges {
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  return {
    jobs: gauge('lowrank_jobs', 'Jobs in each state.', ['state']),
    steps: gauge('lowrank_trained_steps', 'Optimizer steps of all jobs.'),
    tokens: gauge('lowrank_trained_tokens', 'Tokens that finished jobs trained on.'),
  };
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
  private readonly ofJobs = jobGauges(this.registry);
  private readonly queue = this.gauge('lowrank_queue_entries', 'Entries of the queue.', ['kind']);
  private readonly workers = this.gauge('lowrank_workers', 'Workers with a fresh heartbeat.');

  private readonly loopDelay = this.gauge(
    'lowrank_event_loop_delay_seconds',
    'Delay of the event loop of the API and of its processes: since the last look, and in their last 5 seconds.',
    ['process', 'figure'],
  );
  private readonly meter = new LoopDelayMeter();
  private readonly workerGauges = new WorkerGauges(this.registry);

  constructor(@Inject(PLATFORM) private readonly platform: Platform) {
    registerJobTimes(this.registry, platform.database);
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
    const alive = await new Workers(database).alive(configuration.workerLostSeconds);
    const { waiting, active } = await queue.counts();
    await this.setJobs(this.ofJobs, null);
    this.workers.set(alive.length);
    this.workerGauges.set(alive);
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

  /** What concerns one project only. */
  async projectText(projectId: string): Promise<string> {
    const registry = new Registry();
    await this.setJobs(jobGauges(registry), projectId);
    return registry.metrics();
  }

  /** Counts jobs, their steps and tokens; of all projects for null. */
  private async setJobs({ jobs, steps, tokens }: JobGauges, projectId: string | null): Promise<void> {
    const states = await this.platform.database.query<
      { state: string; jobs: string; steps: string; tokens: string }[]
    >(
      `SELECT state, count(*) AS jobs, sum(step) AS steps, coalesce(sum(trained_tokens), 0) AS tokens
       FROM job WHERE deleted_at IS NULL AND ($1::text IS NULL OR project_id = $1) GROUP BY state`,
      [projectId],
    );
    for (const state of jobStates) {
      jobs.set({ state }, Number(states.find((row) => row.state === state)?.jobs ?? 0));
    }
    const sum = (values: readonly string[]) => values.reduce((total, value) => total + Number(value), 0);
    steps.set(sum(states.map((row) => row.steps)));
    tokens.set(sum(states.map((row) => row.tokens)));
  }

  private gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }
}
