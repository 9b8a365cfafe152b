/** The folder that a run writes: what lies where in it, and what of an earlier start is found there. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LowrankError } from '#base/errors.js';
import { writeFileAtomically } from '#base/atomic-file.js';
import { chosenOptions } from '#training/chosen-options.js';
import { CheckpointStore } from '#training/checkpoint-store.js';
import { choice, type TrainingSummary } from '#training/events.js';
import { runIdentity } from '#training/run-state.js';

/** What job.json holds: the job as it is run, chosen values included. */
export const runRecord = z.object({
  format: z.literal(1),
  base_model: z.string(),
  training_file: z.string(),
  validation_file: z.string().nullable(),
  init_adapter: z.string().nullable(),
  identity: runIdentity,
  chosen: chosenOptions,
  choices: z.array(choice),
  template_date: z.string(),
});
export type RunRecord = z.infer<typeof runRecord>;

export class OutputFolder {
  readonly adapter: string;
  readonly metrics: string;
  readonly samples: string;
  readonly checkpoints: CheckpointStore;

  constructor(readonly folder: string) {
    this.adapter = join(folder, 'adapter');
    this.metrics = join(folder, 'metrics.jsonl');
    this.samples = join(folder, 'samples.jsonl');
    this.checkpoints = new CheckpointStore(join(folder, 'checkpoints'));
  }

  /** Makes the folder; throws LowrankError `output_not_empty` if it has a run that is not to be resumed. */
  async open(resume: boolean): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const ours = ['adapter', 'checkpoints', 'job.json', 'metrics.jsonl', 'summary.json'];
    const found = (await readdir(this.folder)).filter((name) => ours.includes(name)).sort();
    if (!resume && found.length > 0) {
      throw new LowrankError(
        'output_not_empty',
        `${this.folder} holds a run already (${found.join(', ')}): resume it, or choose another output folder`,
        { details: { folder: this.folder, found } },
      );
    }
    await this.checkpoints.sweep();
  }

  /** What an earlier start of the run wrote down; undefined if there was none, or nothing that can be read. */
  async readRecord(): Promise<RunRecord | undefined> {
    try {
      return runRecord.parse(JSON.parse(await readFile(join(this.folder, 'job.json'), 'utf8')));
    } catch {
      return undefined;
    }
  }

  async writeRecord(record: RunRecord): Promise<void> {
    await this.writeJson('job.json', record);
  }

  async writeSummary(summary: TrainingSummary): Promise<void> {
    await this.writeJson('summary.json', summary);
  }

  private async writeJson(name: string, value: unknown): Promise<void> {
    const text = `${JSON.stringify(value, undefined, 2)}\n`;
    await writeFileAtomically(join(this.folder, name), [Buffer.from(text)]);
  }
}
