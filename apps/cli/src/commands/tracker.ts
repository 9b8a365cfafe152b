/** `lowrank tracker`: what a job measured, as a file for an experiment tracker. */
import { mkdir } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Argument, type Command } from 'commander';
import { extract } from 'tar';
import { trackerFiles } from '#trackers/declared/registry.js';
import type { CommandContext, Run } from '../context.js';

interface TrackerOptions {
  readonly out: string;
}

export function addTracker(program: Command, run: Run): void {
  program
    .command('tracker')
    .description(
      `fetch what a job measured so far, as ${trackerFiles.map(({ title }) => title).join(' or ')} reads it`,
    )
    .argument('<job>', 'id of the job')
    .addArgument(new Argument('<tracker>', 'which').choices(trackerFiles.map(({ type }) => type)))
    .option('--out <folder>', 'where to, one folder for many jobs', 'runs')
    .action(run<TrackerOptions>(fetchRun));
}

async function fetchRun(
  { client, output, signal }: CommandContext,
  [id, type]: readonly string[],
  { out }: TrackerOptions,
): Promise<void> {
  const job = await client.jobs.get(id!);
  const { file } = trackerFiles.find((each) => each.type === type)!;
  const content = Readable.from(client.jobs.trackerFile(job.id, type!, { signal }), { objectMode: false });
  const folder = file.isArchive ? out : join(out, job.id);
  await mkdir(folder, { recursive: true });
  const name = file.name({ id: job.id, createdAt: job.created_at });
  if (file.isArchive) await pipeline(content, extract({ cwd: folder }));
  else await pipeline(content, createWriteStream(join(folder, name)));
  output.result(
    { job: job.id, tracker: type, folder },
    () => `in ${folder}; read it by: ${file.command(out)}`,
  );
}
