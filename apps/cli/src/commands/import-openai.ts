/** `lowrank import-openai`: fine-tuning jobs of OpenAI, begun again here. */
import type { Command } from 'commander';
import { LowrankError } from '#base/errors.js';
import type { CommandContext, Run } from '../context.js';
import { convertedJob, exportedFile, type ExportedJob, readExportedJobs } from '../openai-exports.js';
import { uploadFile } from '../upload-file.js';

interface ImportOptions {
  readonly model: readonly string[];
  readonly dryRun?: boolean;
}

export function addImportOpenai(program: Command, run: Run): void {
  program
    .command('import-openai')
    .description("begin OpenAI's fine-tuning jobs again here, from a folder of exported jobs and files")
    .argument('<folder>', 'has jobs as .json, and their files as file-ID.jsonl')
    .requiredOption('--model <names...>', 'base model for all, or OLD=NEW for jobs on OLD')
    .option('--dry-run', 'show the jobs, and upload and begin nothing')
    .action(run<ImportOptions>(importJobs));
}

async function importJobs(
  { client, output, signal }: CommandContext,
  [folder]: readonly string[],
  { model, dryRun }: ImportOptions,
): Promise<void> {
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
