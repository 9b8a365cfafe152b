/** Runs one job and tells how it goes; the same for a person and for a parent process. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseTrainerJobText } from '#contracts/trainer-job.js';
import type { TrainerEnd, TrainerUpdate } from '#contracts/trainer-calls.js';
import { identifyBase } from '#hub/identify-base.js';
import { factsOf, LowrankError } from '#base/errors.js';
import type { TrainingJobInput } from '#training/job.js';
import { printSteps } from '#training/print-steps.js';
import { trainAdapter } from '#training/run.js';
import { openSampleWriter } from './sample-writer.js';
import { setTensorflowVariables, tfjsNodeFolder } from './tensorflow.js';

export interface JobRun {
  readonly jobFile: string;
  /** Resume whatever the job file says. */
  readonly resume: boolean;
  readonly onUpdate: (update: TrainerUpdate) => void;
  readonly takeCheckpointRequest: () => boolean;
  readonly signal: AbortSignal;
}

/**
 * Runs a job to its end, which is `cancelled` after the signal. Throws the errors of `parseTrainerJobText`, `identifyBase`
 * and `trainAdapter`, LowrankError `job_unreadable` and `job_file_in_output`.
 */
export async function runJob(run: JobRun): Promise<TrainerEnd> {
  try {
    return await train(run);
  } catch (error) {
    if (run.signal.aborted && error === run.signal.reason) return { type: 'cancelled' };
    if (factsOf(error).code === 'internal_error')
      run.onUpdate({ type: 'log', level: 'error', message: String((error as Error).stack ?? error) });
    throw error;
  }
}

async function train({
  jobFile,
  resume,
  onUpdate,
  takeCheckpointRequest,
  signal,
}: JobRun): Promise<TrainerEnd> {
  const input = await readInput(jobFile, onUpdate, signal);
  const result = await trainAdapter(
    { ...input, resume: resume || input.resume },
    { onEvent: onUpdate, openSampleWriter, takeCheckpointRequest },
    signal,
  );
  return result.status === 'finished' ? { type: 'finished', summary: result.summary } : { type: 'cancelled' };
}

/** The graphs of a job's steps as text. Throws the errors of `runJob` but those of the training. */
export async function printJob(
  jobFile: string,
  onUpdate: (update: TrainerUpdate) => void,
  signal: AbortSignal,
): Promise<string> {
  return printSteps(await readInput(jobFile, onUpdate, signal), onUpdate, signal);
}

/** What a job file asks for, its base model verified. */
async function readInput(
  jobFile: string,
  onUpdate: (update: TrainerUpdate) => void,
  signal: AbortSignal,
): Promise<TrainingJobInput> {
  signal.throwIfAborted();
  const job = parseTrainerJobText(await readJob(jobFile), jobFile);
  requireOwnPlace(jobFile, job.output_folder);
  setTensorflowVariables(process.env, job.training);
  const identity = await identifyBase(job.base_model, job.cache_folder, {
    expected: job.base_identity,
    onProgress: ({ doneBytes, totalBytes }) =>
      onUpdate({ type: 'progress', stage: 'hash', done: doneBytes, total: totalBytes }),
    signal,
  });
  return {
    baseModel: job.base_model,
    baseModelName: job.base_model_name,
    baseIdentity: identity,
    trainingFile: job.training_file,
    validationFile: job.validation_file,
    trainingForm: job.training_form,
    validationForm: job.validation_form,
    validationSplit: job.validation_split,
    lora: job.lora,
    options: job.training,
    chosen: job.chosen,
    initAdapter: job.init_adapter,
    outputFolder: job.output_folder,
    cacheFolder: job.cache_folder,
    tfjsNodeFolder: tfjsNodeFolder(process.env),
    exclusive: job.exclusive,
    resume: job.resume,
  };
}

async function readJob(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const message = `the job file ${file} cannot be read: ${(cause as Error).message}`;
    throw new LowrankError('job_unreadable', message, { cause, details: { file } });
  }
}

/** The run writes a job.json of its own. */
function requireOwnPlace(jobFile: string, outputFolder: string): void {
  if (resolve(jobFile) !== join(outputFolder, 'job.json')) return;
  throw new LowrankError(
    'job_file_in_output',
    `the run writes a job.json of its own into ${outputFolder}: give the job file another name or the run another folder`,
    { details: { file: jobFile } },
  );
}
