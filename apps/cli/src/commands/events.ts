/** `lowrank events`: what happened to a job, and what goes on happening. */
import type { Command } from 'commander';
import type { CommandContext, Run } from '../context.js';
import { followJob } from '../follow-job.js';
import { dateTime } from '../format.js';
import { endOf } from '../job-end.js';

interface EventsOptions {
  readonly follow?: boolean;
}

export function addEvents(program: Command, run: Run): void {
  program
    .command('events')
    .description('show what happened to a job')
    .argument('<job>', 'id of the job')
    .option('-f, --follow', 'go on until the job is over, with its progress; ends as the job does')
    .action(run<EventsOptions>(events));
}

async function events(
  { client, output, signal }: CommandContext,
  [id]: readonly string[],
  { follow }: EventsOptions,
): Promise<void> {
  if (follow) {
    const job = await followJob(client, id!, output, { signal });
    const end = endOf(job);
    if (end instanceof Error) throw end;
    output.say(end);
    return;
  }
  for await (const event of client.jobs.events(id!)) {
    output.result(event, () => `${dateTime(event.created_at)}  ${event.level.padEnd(5)}  ${event.message}`);
  }
}
