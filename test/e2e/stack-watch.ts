/** Waiting for what happens to a job, by its stream. */
import type { JobObject, JobStatus } from '#contracts/http/jobs.js';
import type { JobStreamMessage } from '#contracts/http/streams.js';
import type { LowrankClient } from '#client/client.js';
import { isOver } from '#client/job-reader.js';

/** Resolves with the first message that is meant; throws if the job is over before. */
export async function waitForMessage(
  client: LowrankClient,
  id: string,
  isMeant: (message: JobStreamMessage) => boolean,
): Promise<JobStreamMessage> {
  for await (const message of client.jobs.follow(id)) {
    if (isMeant(message)) return message;
  }
  const { status, error } = await client.jobs.get(id);
  throw new Error(`job ${id} is ${status} (${error?.message ?? 'no error'}) before what was waited for`);
}

/** Resolves when the metrics of a step are there. */
export async function waitForStep(client: LowrankClient, id: string, step: number): Promise<void> {
  await waitForMessage(client, id, ({ event, data }) => {
    return event === 'metric' && data.kind === 'step' && data.step >= step;
  });
}

/** Resolves when a job that does not end by itself has a status. */
export async function waitForStatus(client: LowrankClient, id: string, status: JobStatus): Promise<void> {
  await waitForMessage(client, id, ({ event, data }) => {
    return (event === 'job' || event === 'progress') && data.status === status;
  });
}

/** Follows a job to its end. */
export async function waitForEnd(client: LowrankClient, id: string): Promise<JobObject> {
  for await (const _ of client.jobs.follow(id));
  const job = await client.jobs.get(id);
  if (!isOver(job)) throw new Error(`the stream of ${id} ended while the job is ${job.status}`);
  return job;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Steps of the metrics of a job, in the order of writing. */
export async function stepsOf(client: LowrankClient, id: string): Promise<number[]> {
  const metrics = await collect(client.jobs.metrics(id, { kind: 'step' }));
  return metrics.map(({ step }) => step);
}

export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}
