/**
 * Where the attempts of a job work on this machine:
 *
 *     HOME/work/JOB/data/FILE_ID            training and validation data
 *     HOME/work/JOB/init-adapter/           the adapter that training starts from
 *     HOME/work/JOB/attempt-N/job.json      what the trainer is told
 *     HOME/work/JOB/attempt-N/note.json     the device, and which process trains
 *     HOME/work/JOB/attempt-N/out/          what the trainer writes: checkpoints, metrics, the adapter
 *     HOME/work/JOB/attempt-N/upload/       checkpoints on their way to the object store, as links
 *
 * A new attempt ends the process of the one before and takes its `out` over by renaming it, so that a process of an old
 * attempt that comes too late finds no folder of a newer one.
 */
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LowrankError } from '#base/errors.js';
import type { Claim } from '#jobs/claims.js';
import { writeFileAtomically } from '#base/atomic-file.js';
import { killNoted, noteProcess } from '#platform/process-identity.js';

const noteSchema = z.object({
  device: z.string(),
  trainer: z.object({ host: z.string(), pid: z.int().positive(), start: z.string().optional() }).optional(),
});
type Note = z.infer<typeof noteSchema>;

/** The work of all jobs of a home. */
export function workRoot(home: string): string {
  return join(home, 'work');
}

export class WorkFolder {
  readonly data: string;
  readonly initAdapter: string;
  readonly jobFile: string;
  readonly out: string;
  readonly upload: string;
  private readonly own: string;
  private readonly noteFile: string;

  private constructor(
    folder: string,
    attempt: number,
    private readonly device: string,
  ) {
    this.own = join(folder, `attempt-${attempt}`);
    this.data = join(folder, 'data');
    this.initAdapter = join(folder, 'init-adapter');
    this.jobFile = join(this.own, 'job.json');
    this.noteFile = join(this.own, 'note.json');
    this.out = join(this.own, 'out');
    this.upload = join(this.own, 'upload');
  }

  /**
   * Makes the folder of an attempt and takes over what an earlier attempt of the job left, if that was on the same kind
   * of device. Throws LowrankError `claim_lost` if a later attempt is there already.
   */
  static async open(home: string, { jobId, attempt }: Claim, device: string): Promise<WorkFolder> {
    const folder = join(workRoot(home), jobId);
    const work = new WorkFolder(folder, attempt, device);
    const others = (await attemptsIn(folder)).filter((other) => other !== attempt).sort((a, b) => b - a);
    if (others.some((other) => other > attempt)) {
      throw new LowrankError('claim_lost', `a later attempt than ${attempt} of job ${jobId} works here`);
    }
    await mkdir(work.upload, { recursive: true });
    await mkdir(work.data, { recursive: true });
    // First, so that whoever comes after a crash knows what was taken over.
    await work.writeNote({ device });
    for (const other of others) await work.takeOver(new WorkFolder(folder, other, device));
    return work;
  }

  /** Writes down which process trains, so that a later attempt can end it. */
  async noteTrainer(pid: number): Promise<void> {
    await this.writeNote({ device: this.device, trainer: noteProcess(pid) });
  }

  /** What the trainer is told. */
  async writeJob(job: object): Promise<void> {
    await writeFileAtomically(this.jobFile, [Buffer.from(`${JSON.stringify(job, undefined, 2)}\n`)]);
  }

  /** Removes the work of all attempts of a job. */
  static async removeAll(home: string, jobId: string): Promise<void> {
    await rm(join(workRoot(home), jobId), { recursive: true, force: true });
  }

  private async takeOver(older: WorkFolder): Promise<void> {
    const note = await older.readNote();
    if (note?.trainer) await killNoted(note.trainer);
    if (note?.device === this.device) {
      // An even older attempt has nothing that this one lacked.
      await rename(older.out, this.out).catch(ignoreTaken);
    }
    await rm(older.own, { recursive: true, force: true });
  }

  private async writeNote(note: Note): Promise<void> {
    await writeFileAtomically(this.noteFile, [Buffer.from(JSON.stringify(note))]);
  }

  private async readNote(): Promise<Note | undefined> {
    try {
      return noteSchema.parse(JSON.parse(await readFile(this.noteFile, 'utf8')));
    } catch {
      return undefined;
    }
  }
}

function ignoreTaken(error: NodeJS.ErrnoException): void {
  if (!['ENOENT', 'ENOTEMPTY', 'EEXIST', 'EPERM'].includes(error.code ?? '')) throw error;
}

async function attemptsIn(folder: string): Promise<number[]> {
  return (await namesIn(folder)).flatMap((name) => {
    const number = /^attempt-(\d+)$/.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}

/** Removes the work of jobs that `isOver` says will not go on; yields how many. */
export async function sweepWork(
  home: string,
  isOver: (jobIds: string[]) => Promise<string[]>,
): Promise<number> {
  const over = await isOver(await namesIn(workRoot(home)));
  for (const jobId of over) await rm(join(workRoot(home), jobId), { recursive: true, force: true });
  return over.length;
}
