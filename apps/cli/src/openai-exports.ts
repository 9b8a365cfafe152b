/** Jobs that were exported from OpenAI, as jobs for this server. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LowrankError } from '#base/errors.js';
import type { JobCreate } from '#contracts/http/job-create.js';

const hyperparameters = z.record(z.string(), z.unknown());
const settings = z.object({ hyperparameters: hyperparameters.nullish() }).nullish();

/** What is read of a job as OpenAI's API answers it, or as its clients print it. */
const exportedJob = z.object({
  id: z.string(),
  object: z.literal('fine_tuning.job'),
  model: z.string(),
  fine_tuned_model: z.string().nullish(),
  training_file: z.string(),
  validation_file: z.string().nullish(),
  hyperparameters: hyperparameters.nullish(),
  method: z.object({ type: z.string(), supervised: settings, dpo: settings }).nullish(),
  seed: z.int().nonnegative().nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  user_provided_suffix: z.string().nullish(),
});
export type ExportedJob = z.infer<typeof exportedJob>;

/** Every job in the JSON files of a folder: one, a list, or a page of a list. Throws `file_unreadable`. */
export async function readExportedJobs(folder: string): Promise<ExportedJob[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.json')).sort();
  const jobs = new Map<string, ExportedJob>();
  for (const name of names) {
    const path = join(folder, name);
    let content: unknown;
    try {
      content = JSON.parse(await readFile(path, 'utf8'));
    } catch (cause) {
      throw new LowrankError('file_unreadable', `${path} is no JSON: ${(cause as Error).message}`, { cause });
    }
    const entries = Array.isArray(content)
      ? content
      : ((content as { data?: unknown } | null)?.data ?? [content]);
    for (const entry of Array.isArray(entries) ? (entries as unknown[]) : []) {
      if ((entry as { object?: unknown } | null)?.object !== 'fine_tuning.job') continue;
      const parsed = exportedJob.safeParse(entry);
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        throw new LowrankError(
          'file_unreadable',
          `${path}: ${issue!.path.join('.')} of a job: ${issue!.message}`,
        );
      }
      jobs.set(parsed.data.id, parsed.data);
    }
  }
  if (jobs.size === 0) {
    const help = 'save what client.fine_tuning.jobs.list() gives, as JSON';
    throw new LowrankError('file_unreadable', `${folder} has no .json file with fine-tuning jobs: ${help}`);
  }
  return [...jobs.values()];
}

/** The file of an id in the folder: `file-abc.jsonl`, or without an ending. Throws `file_unreadable`. */
export function exportedFile(folder: string, id: string): string {
  const found = [`${id}.jsonl`, id].map((name) => join(folder, name)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new LowrankError(
    'file_unreadable',
    `${folder} has no ${id}.jsonl: save what client.files.content("${id}") gives under that name`,
  );
}

/** The entry of the metadata that names the job at OpenAI. */
export const sourceEntry = 'openai_job';

/** Whether a job has room in its metadata for the entry by which it is found again. */
export const isRemembered = ({ metadata }: Pick<JobCreate, 'metadata'>) => sourceEntry in (metadata ?? {});

/** The job for this server; files are still to be uploaded. Throws `unsupported` for a method that is not done. */
export function convertedJob(
  job: ExportedJob,
  model: string,
): Omit<JobCreate, 'training_file' | 'validation_file'> {
  const type = job.method?.type ?? 'supervised';
  if (type !== 'supervised' && type !== 'dpo') {
    throw new LowrankError(
      'unsupported',
      `${job.id} learned by ${type}: only supervised and dpo are done here`,
    );
  }
  const said = { ...job.hyperparameters, ...job.method?.[type]?.hyperparameters };
  const known = ['n_epochs', 'batch_size', 'learning_rate_multiplier', ...(type === 'dpo' ? ['beta'] : [])];
  const numbers = known.filter((name) => typeof said[name] === 'number').map((name) => [name, said[name]]);
  // ft:BASE:ORGANIZATION:SUFFIX:ID
  const suffix = job.user_provided_suffix ?? job.fine_tuned_model?.split(':')[3];
  const metadata = { ...job.metadata };
  if (Object.keys(metadata).length < 16) metadata[sourceEntry] = job.id;
  return {
    model,
    method: { type, [type]: { hyperparameters: Object.fromEntries(numbers) as object } },
    metadata,
    ...(typeof job.seed === 'number' ? { seed: job.seed } : {}),
    ...(suffix
      ? {
          suffix: suffix
            .replaceAll(/[^A-Za-z0-9._-]/g, '-')
            .replace(/^[^A-Za-z0-9]+/, '')
            .slice(0, 64),
        }
      : {}),
  };
}
