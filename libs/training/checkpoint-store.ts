/** The checkpoints of a run: `step-NNNNNN` folders side by side. */
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LowrankError } from '#base/errors.js';
import { type CheckpointContent, openCheckpoint, writeCheckpoint } from '#training/checkpoint.js';
import type { CheckpointState } from '#training/run-state.js';

/** A checkpoint whose files are what was written. */
export interface SoundCheckpoint {
  readonly folder: string;
  readonly state: CheckpointState;
}

const nameOf = (step: number) => `step-${String(step).padStart(6, '0')}`;

export class CheckpointStore {
  /** `folder` need not exist yet. */
  constructor(readonly folder: string) {}

  /** The folder of a step's checkpoint, whether it is there or not. */
  folderOf(step: number): string {
    return join(this.folder, nameOf(step));
  }

  /** Steps that have a checkpoint, ascending. */
  async steps(): Promise<number[]> {
    const names = await readdir(this.folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    return names
      .flatMap((name) => /^step-(\d{6,})$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }

  /**
   * The newest checkpoint whose files are all as they were written, or undefined. Damaged ones are passed over and
   * told to `onDamaged`.
   */
  async newest(onDamaged: (error: LowrankError) => void): Promise<SoundCheckpoint | undefined> {
    for (const step of (await this.steps()).reverse()) {
      const folder = this.folderOf(step);
      try {
        return { folder, state: await openCheckpoint(folder) };
      } catch (error) {
        if (!(error instanceof LowrankError) || error.code !== 'checkpoint_corrupt') throw error;
        onDamaged(error);
      }
    }
    return undefined;
  }

  /** Writes the checkpoint of a step, in place of one that is there; see `writeCheckpoint` for errors. */
  async write(content: CheckpointContent): Promise<string> {
    await mkdir(this.folder, { recursive: true });
    const { step } = content.state.progress;
    const folder = this.folderOf(step);
    const aside = await this.setAside(step);
    try {
      await writeCheckpoint(folder, content);
    } catch (error) {
      if (aside) await rename(aside, folder);
      throw error;
    }
    if (aside) await rm(aside, { recursive: true, force: true });
    return folder;
  }

  /** Removes all but the newest `keep` and one more step that is kept in any case. */
  async prune(keep: number, kept: number | undefined): Promise<void> {
    const steps = await this.steps();
    for (const step of steps.slice(0, -keep)) if (step !== kept) await this.remove(step);
  }

  /** Removes what a process left that died while it wrote or removed a checkpoint. */
  async sweep(): Promise<void> {
    const names = await readdir(this.folder).catch(() => []);
    for (const name of names) {
      if (/^\.step-.*\.(tmp|gone)$/.test(name)) {
        await rm(join(this.folder, name), { recursive: true, force: true });
      }
    }
  }

  private async remove(step: number): Promise<void> {
    const aside = await this.setAside(step);
    if (aside) await rm(aside, { recursive: true, force: true });
  }

  /** Takes the name from a checkpoint, so that half of it is never taken for one; undefined if there is none. */
  private async setAside(step: number): Promise<string | undefined> {
    const aside = join(this.folder, `.${nameOf(step)}.gone`);
    await rm(aside, { recursive: true, force: true });
    try {
      await rename(this.folderOf(step), aside);
      return aside;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}
