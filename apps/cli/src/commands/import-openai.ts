/** `lowrank import-openai`: fine-tuning jobs of OpenAI, begun again here. */
import type { Command } from 'commander';
import { LowrankError } from '#base/errors.js';
import type { JobObject } from '#contracts/http/jobs.js';
import type { CommandContext, Run } from '../context.js';
import {
  convertedJob,
  exportedFile,
  type ExportedJob,
  isRemembered,
  readExportedJobs,
  sourceEntry,
} from '../openai-exports.js';
import { uploadFile } from '../upload-file.js';

interface ImportOptions {
  readonly model: readonly string[];
  readonly dryRun?: boolean;
  readonly again?: boolean;
}

export function addImportOpenai(program: Command, run: Run): void {
  program
    .command('import-openai')
    .description("begin OpenAI's fine-tuning jobs again here, from a folder of exported jobs and files")
    .argument('<folder>', 'has jobs as .json, and their files as file-ID.jsonl')
    .requiredOption('--model <names...>', 'base model for all, or OLD=NEW for jobs on OLD')
    .option('--dry-run', 'show the jobs, and upload and begin nothing')
    .option('--again', 'begin jobs too that an earlier import has begun')
    .action(run<ImportOptions>(importJobs));
}

async function importJobs(
  context: CommandContext,
  [folder]: readonly string[],
  { model, dryRun, again }: ImportOptions,
): Promise<void> {
  const { client, output, signal } = context;
  const jobs = await readExportedJobs(folder!);
  // Everything is looked at before anything is sent.
  const ready = jobs.map((job) => ({
    job,
    body: convertedJob(job, baseFor(job, model)),
    training: exportedFile(folder!, job.training_file),
    validation: job.validation_file ? exportedFile(folder!, job.validation_file) : null,
  }));
  const uploaded = new Map<string, string>();
  const upload = async (path: string) => {
    const known = uploaded.get(path) ?? (await uploadFile(client, path, { signal })).id;
    uploaded.set(path, known);
    return known;
  };
  for (const { job, body, training, validation } of ready) {
    const begun = again ? undefined : await earlierImport(context, job.id, body.model);
    if (begun) {
      const { id, status } = begun;
      output.result(
        { openai_job: job.id, job: id, status, earlier: true },
        () => `${job.id} is ${id} here already, and ${status}; --again begins it once more`,
      );
      continue;
    }
    if (!isRemembered(body)) {
      output.note(`${job.id} has no room in its metadata: another import will not know that it was begun`);
    }
    if (dryRun) {
      output.result(
        { openai_job: job.id, ...body, training, validation },
        () => `${job.id} on ${body.model}, from ${training}`,
      );
      continue;
    }
    const files = {
      training_file: await upload(training),
      ...(validation === null ? {} : { validation_file: await upload(validation) }),
    };
    const made = await client.jobs.create({ ...body, ...files }, { signal });
    output.result({ openai_job: job.id, job: made.id }, () => `${job.id} is ${made.id} here`);
  }
}

/** The job that an earlier import made of one of OpenAI's on this base; none that failed or was cancelled. */
async function earlierImport(
  { client }: CommandContext,
  source: string,
  model: string,
): Promise<JobObject | undefined> {
  for await (const job of client.jobs.withMetadata({ [sourceEntry]: source })) {
    const isOver = job.status === 'failed' || job.status === 'cancelled';
    if (!isOver && baseName(job.model) === baseName(model)) return job;
  }
  return undefined;
}

/** Of a fine-tuned model, `ft:BASE:...`, that of its base; without the revision of a hub. */
function baseName(model: string): string {
  const base = model.startsWith('ft:') ? model.split(':')[1]! : model;
  return base.replace(/(?<=\/[^@]+)@.*$/, '');
}

/** The base model that a job gets, by the most specific of the options. Throws `usage`. */
function baseFor({ id, model }: ExportedJob, options: readonly string[]): string {
  // A job that went on from a fine-tuned model is named after its base: ft:BASE:...
  const old = model.startsWith('ft:') ? model.split(':')[1]! : model;
  const named = options.find((option) => option.startsWith(`${old}=`))?.slice(old.length + 1);
  const all = options.find((option) => !option.includes('='));
  const found = named ?? all;
  if (found !== undefined) return found;
  throw new LowrankError('usage', `${id} is on ${old}: say what it gets here with --model ${old}=NAME`);
}
