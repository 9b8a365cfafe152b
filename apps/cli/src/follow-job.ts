/** A job as it runs, for a person or a program. */
import { type JobObject } from '#contracts/http/jobs.js';
import type { EventObject, JobStreamMessage, MetricObject } from '#contracts/http/streams.js';
import type { LowrankClient } from '#client/client.js';
import { unexpectedAnswer } from '#client/errors.js';
import { isOver } from '#client/job-reader.js';
import { metricsText } from '#training/metrics.js';
import type { Output } from './output.js';
import { barText, StatusLine } from './progress-bar.js';

export interface FollowJobOptions {
  readonly signal?: AbortSignal;
  /** Told of everything as it comes. */
  readonly onMessage?: (message: JobStreamMessage) => void;
}

/** Shortest time between two lines about steps, where there is no bar. */
const lineSeconds = 1;
const longestAnswer = 300;

/**
 * Shows a job until it is over and yields how it ended: a bar on a terminal, lines elsewhere, JSON with --json.
 * Throws what `JobsClient.follow` throws, and the signal's reason.
 */
export async function followJob(
  client: LowrankClient,
  id: string,
  output: Output,
  options: FollowJobOptions = {},
): Promise<JobObject> {
  const view = new JobView(output);
  let last: JobObject | undefined;
  try {
    for await (const message of client.jobs.follow(id, {
      signal: options.signal,
      onBreak: () => view.broken(),
    })) {
      options.onMessage?.(message);
      if (message.event === 'job') last = message.data;
      view.show(message);
    }
  } finally {
    view.close();
  }
  if (!last || !isOver(last)) last = await client.jobs.get(id);
  if (!isOver(last))
    throw unexpectedAnswer(client.url, `the stream of ${id} ended while it is ${last.status}`);
  return last;
}

class JobView {
  private readonly bar: StatusLine | undefined;
  private job: JobObject | undefined;
  private loss: number | undefined;
  private lastLineAt = -Infinity;

  constructor(private readonly output: Output) {
    this.bar = StatusLine.on(output);
  }

  show(message: JobStreamMessage): void {
    this.output.record(message);
    switch (message.event) {
      case 'event':
        this.lines(eventLines(message.data, this.output));
        break;
      case 'metric':
        this.metric(message.data);
        break;
      case 'job':
        this.update(message.data);
        break;
      case 'progress':
        if (this.job) this.update(withProgress(this.job, message.data));
        break;
      default:
        message satisfies never;
    }
  }

  broken(): void {
    this.output.note('The connection to the server broke; trying again.');
  }

  close(): void {
    this.bar?.clear();
  }

  private metric(metric: MetricObject): void {
    if (metric.kind !== 'step') {
      this.lines(metricLines(metric));
      return;
    }
    const { loss } = metric.values;
    this.loss = loss ?? this.loss;
    if (this.bar) {
      this.draw(metric);
      return;
    }
    const now = performance.now() / 1000;
    const isLast = metric.step === this.job?.progress.total_steps;
    if (!isLast && now - this.lastLineAt < lineSeconds) return;
    this.lastLineAt = now;
    const { tokens_per_second: speed } = metric.values;
    const total = this.job?.progress.total_steps;
    this.lines([
      `step ${metric.step}${total ? `/${total}` : ''} loss ${number(loss, 4)}` +
        (speed === undefined ? '' : ` ${Math.round(speed)} tokens/s`),
    ]);
  }

  private update(job: JobObject): void {
    const before = this.job;
    this.job = job;
    if (job.status === 'queued') this.showWaiting(job, before);
    if (job.status === 'running') this.draw();
  }

  /** What makes a job wait for more than its turn comes as an event too. */
  private showWaiting(job: JobObject, before: JobObject | undefined): void {
    const text = waitingText(job);
    if (text === null || (before && text === waitingText(before))) return;
    if (this.bar) this.bar.show(text);
    else if (job.position === null || job.position > 1) this.lines([text]);
  }

  private draw(metric?: MetricObject): void {
    if (!this.bar || !this.job || this.job.status !== 'running') return;
    const { progress } = this.job;
    const step = Math.max(progress.step, metric?.step ?? 0);
    this.bar.show(barText({ ...progress, step }, this.loss));
  }

  private lines(lines: readonly string[]): void {
    if (this.bar) this.bar.above(lines);
    else for (const line of lines) this.output.say(line);
  }
}

/** Null where there is nothing to say. */
function waitingText({ position, waiting }: JobObject): string | null {
  if (position !== null) {
    return `waiting, number ${position} in the queue${waiting ? `: ${waiting.message}` : ''}`;
  }
  return waiting && `waiting: ${waiting.message}`;
}

function withProgress(
  job: JobObject,
  { status, position, ...progress }: Extract<JobStreamMessage, { event: 'progress' }>['data'],
): JobObject {
  return { ...job, status, position, progress };
}

/** An event as a line; what metrics say already is left out. */
export function eventLines(event: EventObject, output: Output): string[] {
  if (event.type === 'metrics') return [];
  if (event.level === 'error') return [output.paint(`error: ${event.message}`, 'red')];
  if (event.level === 'warn') return [output.paint(`warning: ${event.message}`, 'yellow')];
  return [event.message];
}

function metricLines({ kind, step, values }: MetricObject): string[] {
  if (kind === 'evaluation') {
    const { loss, best } = values;
    return [
      `evaluation after step ${step}: loss ${number(loss, 4)}` +
        `${metricsText('evaluation', values, ', ')}${best ? ', the best so far' : ''}`,
    ];
  }
  if (kind === 'step') return [];
  return values.samples.flatMap(({ prompt, answer }) => [
    `sample after step ${step}: ${JSON.stringify(prompt.slice(-200))}`,
    ...answer
      .slice(0, longestAnswer)
      .split('\n')
      .map((line) => `  > ${line}`),
  ]);
}

function number(value: number | undefined, digits: number): string {
  return value === undefined ? '?' : value.toFixed(digits);
}
