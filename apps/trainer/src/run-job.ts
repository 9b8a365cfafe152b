/** Runs one job and tells how it goes in messages; the same for a person and for a parent process. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseTrainerJobText } from '#contracts/trainer-job.js';
import type { TrainerMessage } from '#contracts/trainer-messages.js';
import { identifyBase } from '#hub/identify-base.js';
import { factsOf, isFileError, kindOf, LowrankError } from '#base/errors.js';
import { trainAdapter } from '#training/run.js';
import { openSampleWriter } from './sample-writer.js';
import { setTensorflowVariables, tfjsNodeFolder } from './tensorflow.js';

/** The exit codes of the trainer. */
export const exitCodes = { finished: 0, failed: 1, badJob: 2, cancelled: 130 } as const;

export interface JobRun {
  readonly jobFile: string;
  /** Resume whatever the job file says. */
  readonly resume: boolean;
  readonly onMessage: (message: TrainerMessage) => void;
  readonly takeCheckpointRequest: () => boolean;
  readonly signal: AbortSignal;
}

/** Runs a job to its end, which the last message tells, and yields the exit code. */
export async function runJob({
  jobFile,
  resume,
  onMessage,
  takeCheckpointRequest,
  signal,
}: JobRun): Promise<number> {
  let hasStarted = false;
  try {
    const job = parseTrainerJobText(await readJob(jobFile), jobFile);
    requireOwnPlace(jobFile, job.output_folder);
    setTensorflowVariables(process.env, job.training);
    const identity = await identifyBase(job.base_model, job.cache_folder, {
      expected: job.base_identity,
      onProgress: ({ doneBytes, totalBytes }) =>
        onMessage({ type: 'progress', stage: 'hash', done: doneBytes, total: totalBytes }),
      signal,
    });
    const result = await trainAdapter(
      {
        baseModel: job.base_model,
        baseModelName: job.base_model_name,
        baseIdentity: identity,
        trainingFile: job.training_file,
        validationFile: job.validation_file,
        lora: job.lora,
        options: job.training,
        initAdapter: job.init_adapter,
        outputFolder: job.output_folder,
        cacheFolder: job.cache_folder,
        tfjsNodeFolder: tfjsNodeFolder(process.env),
        exclusive: job.exclusive,
        resume: resume || job.resume,
      },
      {
        onEvent: (event) => {
          hasStarted ||= event.type === 'started';
          onMessage(event);
        },
        openSampleWriter,
        takeCheckpointRequest,
      },
      signal,
    );
    onMessage(
      result.status === 'finished' ? { type: 'finished', summary: result.summary } : { type: 'cancelled' },
    );
    return result.status === 'finished' ? exitCodes.finished : exitCodes.cancelled;
  } catch (error) {
    if (signal.aborted && error === signal.reason) {
      onMessage({ type: 'cancelled' });
      return exitCodes.cancelled;
    }
    if (!(error instanceof LowrankError) && !isFileError(error))
      onMessage({ type: 'log', level: 'error', message: String((error as Error).stack ?? error) });
    onMessage({ type: 'failed', error: factsOf(error) });
    return kindOf(error) === 'caller' ? exitCodes.badJob : exitCodes.failed;
  }
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
