/** `lowrank train`: from data to an adapter. */
import type { Command } from 'commander';
import type { CommandContext, Run } from '../context.js';
import { exitCodes } from '#base/error-codes.js';
import { fetchAdapter } from '../downloads/fetch-folder.js';
import { Interrupted } from '../exit-codes.js';
import { followJob } from '../follow-job.js';
import { addJobFlags, type JobFlags, readDraft, uploadFiles } from '../job-body.js';
import { endOf } from '../job-end.js';
import { planText } from '../plan-text.js';

interface TrainOptions extends JobFlags {
  readonly detach?: boolean;
  readonly out?: string;
}

export function addTrain(program: Command, run: Run): void {
  const command = program
    .command('train')
    .description('upload data, show the plan, submit a job and follow it; Ctrl-C leaves the job running')
    .option('--detach', 'do not follow the job')
    .option('--out <folder>', 'when it is done, put the adapter into a new folder');
  addJobFlags(command).action(run<TrainOptions>(train));
}

async function train(context: CommandContext, _: readonly string[], options: TrainOptions): Promise<number> {
  const { client, output, signal } = context;
  const draft = await readDraft(options);
  const body = await uploadFiles(context, draft);
  const plan = await client.jobs.plan(body, { signal });
  output.say(planText(plan, output));
  const job = await client.jobs.create(body, { signal });
  output.record({ event: 'created', data: job });
  output.say(`job: ${job.id}`);
  if (options.detach) {
    output.say(howToGoOn(job.id));
    return exitCodes.done;
  }
  return followToEnd(context, job.id, options.out);
}

async function followToEnd(
  { client, output, signal }: CommandContext,
  id: string,
  out: string | undefined,
): Promise<number> {
  let job;
  try {
    job = await followJob(client, id, output, { signal });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    output.say(`${id} goes on without you.\n${howToGoOn(id)}`);
    return exitCodes.interrupted;
  }
  const end = endOf(job);
  if (end instanceof Error) throw end;
  output.say(end);
  if (out !== undefined && job.adapter !== null) {
    const adapter = await client.adapters.get(job.adapter);
    await fetchAdapter(client, adapter, out, { signal });
    output.result(
      { event: 'fetched', data: { adapter: adapter.id, folder: out } },
      () => `the adapter is in ${out}`,
    );
  }
  return exitCodes.done;
}

function howToGoOn(id: string): string {
  return `follow it:  lowrank events -f ${id}\ncancel it:  lowrank cancel ${id}`;
}
