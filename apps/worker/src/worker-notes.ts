/** Which workers run on a home: each leaves a note while it lives, so that the next one sees at once who has died. */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '#base/atomic-file.js';
import { hasEnded, noteProcess } from '#platform/process-identity.js';

const note = z.object({ host: z.string(), pid: z.int().positive(), start: z.string().optional() });

export class WorkerNotes {
  private readonly folder: string;

  constructor(home: string) {
    this.folder = join(home, 'workers');
  }

  async write(workerId: string): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    await writeFileAtomically(this.fileOf(workerId), [Buffer.from(JSON.stringify(noteProcess(process.pid)))]);
  }

  async remove(workerId: string): Promise<void> {
    await rm(this.fileOf(workerId), { force: true });
  }

  /** Workers that did not say that they stop, and whether their process is known to be gone. */
  async others(): Promise<{ readonly workerId: string; readonly isDead: boolean }[]> {
    const names = await readdir(this.folder).catch(() => []);
    const others = [];
    for (const name of names) {
      const workerId = /^(worker-[A-Za-z0-9]+)\.json$/.exec(name)?.[1];
      if (workerId === undefined) continue;
      const text = await readFile(join(this.folder, name), 'utf8').catch(() => '{}');
      const noted = note.safeParse(safeJson(text));
      others.push({ workerId, isDead: noted.success && hasEnded(noted.data) });
    }
    return others;
  }

  private fileOf(workerId: string): string {
    return join(this.folder, `${workerId}.json`);
  }
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
