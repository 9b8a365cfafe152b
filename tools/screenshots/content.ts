/** Real jobs for the pictures: two that are done and one that runs, on the model in the box. */
import { join } from 'node:path';
import type { LowrankClient } from '#client/client.js';
import { isOver } from '#client/job-reader.js';
import { programRoot } from '#platform/program.js';
import { sampleJob } from '../../apps/cli/src/quickstart/sample-job.js';
import { uploadFile } from '../../apps/cli/src/upload-file.js';
import type { JobCreate } from '#contracts/http/job-create.js';
import type { Content } from './views.js';

const data = join(programRoot, 'examples/quickstart');
const steps = 60;

export async function makeContent(client: LowrankClient, say: (text: string) => void): Promise<Content> {
  const training = (await uploadFile(client, join(data, 'train.jsonl'))).id;
  const control = (await uploadFile(client, join(data, 'control.jsonl'))).id;
  const validation = (await uploadFile(client, join(data, 'validation.jsonl'))).id;
  const job = (suffix: string, file: string, options: Record<string, unknown>): JobCreate => {
    const sample = sampleJob({ training: file, validation }, 5);
    return {
      ...sample,
      suffix,
      training: { ...sample.training, eval_steps: 10, sample_steps: 20, ...options },
    };
  };
  const finished = await runToEnd(client, job('verses', training, { max_steps: steps }), say);
  const other = await runToEnd(client, job('letters', control, { max_steps: steps / 2 }), say);
  const running = await client.jobs.create(
    job('slow-verses', training, { max_steps: 2000, eval_steps: 100 }),
  );
  say('waiting for the first steps of a job that runs');
  for await (const { event, data: told } of client.jobs.follow(running.id)) {
    if (event === 'metric' && told.kind === 'step' && told.step >= 10) break;
  }
  await client.jobs.create(job('next', control, { max_steps: steps }));
  return {
    finishedJob: finished.id,
    runningJob: running.id,
    adapters: [finished.adapter!, other.adapter!],
  };
}

async function runToEnd(client: LowrankClient, body: JobCreate, say: (text: string) => void) {
  const { id } = await client.jobs.create(body);
  say(`training ${body.suffix}`);
  for await (const _ of client.jobs.follow(id));
  const job = await client.jobs.get(id);
  if (!isOver(job) || job.status !== 'succeeded') throw new Error(`${id} is ${job.status}`);
  return job;
}
