/** `lowrank jobs`, `jobs delete`, `cancel`, `pause`, `resume`: jobs as they stand, and what to do with them. */
import type { Command } from 'commander';
import { type JobObject, jobStatus } from '#contracts/http/jobs.js';
import { LowrankError } from '#base/errors.js';
import { firstOf } from '#client/pages.js';
import type { CommandContext, Run } from '../context.js';
import { count, dateTime, duration } from '../format.js';
import { facts, table } from '../output.js';
import { wholeNumber } from './arguments.js';

interface JobsOptions {
  readonly limit: number;
  readonly status?: string;
}

export function addJobs(program: Command, run: Run): void {
  const jobs = program
    .command('jobs')
    .description('list jobs, newest first; with an id, show one')
    .argument('[job]', 'id of a job')
    .option('--limit <number>', 'how many', wholeNumber(1, 10_000), 20)
    .option('--status <status>', `only jobs that are ${jobStatus.options.join(', ')}`)
    .action(
      run<JobsOptions>((context, [id], options) => (id ? showOne(context, id) : list(context, options))),
    );
  jobs
    .command('delete')
    .description('delete jobs that are over, with their checkpoints, results and events; adapters stay')
    .argument('<jobs...>', 'ids of the jobs')
    .action(run((context, ids) => remove(context, ids)));
  const verbs = [
    ['cancel', 'cancel a job; its checkpoints are kept'],
    ['pause', 'stop a job at a checkpoint, to go on later'],
    ['resume', 'let a paused job go on'],
  ] as const;
  for (const [verb, description] of verbs) {
    program
      .command(verb)
      .description(description)
      .argument('<job>', 'id of the job')
      .action(run((context, [id]) => act(context, verb, id!)));
  }
}

async function list({ client, output }: CommandContext, { limit, status }: JobsOptions): Promise<void> {
  const wanted = jobStatus.optional().safeParse(status);
  if (!wanted.success) {
    throw new LowrankError('usage', `--status ${status}: give one of ${jobStatus.options.join(', ')}`);
  }
  const jobs = await firstOf(client.jobs.list({ status: wanted.data }), limit);
  if (output.json) {
    for (const job of jobs) output.record(job);
    return;
  }
  const rows = jobs.map((job) => [
    job.id,
    shortStatus(job),
    stepsText(job),
    job.model,
    dateTime(job.created_at),
  ]);
  output.say(rows.length > 0 ? table(['JOB', 'STATUS', 'STEPS', 'MODEL', 'CREATED'], rows) : 'No jobs.');
}

async function showOne({ client, output }: CommandContext, id: string): Promise<void> {
  const job = await client.jobs.get(id);
  output.result(job, () => describeJob(job));
}

async function act(
  { client, output }: CommandContext,
  verb: 'cancel' | 'pause' | 'resume',
  id: string,
): Promise<void> {
  const job = await client.jobs[verb](id);
  output.result(job, () => `${job.id} is ${statusText(job)}`);
}

async function remove({ client, output }: CommandContext, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const removed = await client.jobs.delete(id);
    output.result(removed, () => `${id} is deleted`);
  }
}

function statusText(job: JobObject): string {
  if (job.cancel_requested) return `${job.status}, being cancelled`;
  if (job.pause_requested) return `${job.status}, being paused`;
  return job.position === null ? job.status : `${job.status} (${job.position})`;
}

/** The status of a job in a row, with a word for why it waits. */
function shortStatus(job: JobObject): string {
  return job.waiting === null
    ? statusText(job)
    : `${statusText(job)}: ${job.waiting.code.replaceAll('_', ' ')}`;
}

function waitingText({ message, since, retry_at: retryAt }: NonNullable<JobObject['waiting']>): string {
  const again = retryAt === null ? '' : `, tried again at ${dateTime(retryAt)}`;
  return `${message} (since ${dateTime(since)}${again})`;
}

function stepsText({ progress: { step, total_steps: total } }: JobObject): string {
  return total === null ? String(step) : `${step}/${total}`;
}

function describeJob(job: JobObject): string {
  const { progress, error } = job;
  const time = (seconds: number | null) => (seconds === null ? null : dateTime(seconds));
  return facts([
    ['job', job.id],
    ['status', statusText(job)],
    ['waits', job.waiting && waitingText(job.waiting)],
    ['steps', stepsText(job)],
    [
      'speed',
      progress.tokens_per_second === null ? null : `${Math.round(progress.tokens_per_second)} tokens/s`,
    ],
    ['time left', progress.seconds_left === null ? null : duration(progress.seconds_left)],
    ['trained tokens', job.trained_tokens === null ? null : count(job.trained_tokens)],
    ['base model', job.model],
    ['result', job.fine_tuned_model],
    ['adapter', job.adapter],
    ['training file', job.training_file],
    ['validation file', job.validation_file],
    ['device', job.device],
    ['attempt', String(job.attempt)],
    ['created', time(job.created_at)],
    ['started', time(job.started_at)],
    ['finished', time(job.finished_at)],
    ['error', error && `${error.code}: ${error.message}`],
  ]);
}
