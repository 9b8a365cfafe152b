/** A folder for what is still on its way in; gone when it is settled. */
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';

/** Older folders were left by a process that died. */
const abandonedMs = 24 * 3600 * 1000;

export class SpoolFolder implements AsyncDisposable {
  private constructor(readonly path: string) {}

  static async make(root: string): Promise<SpoolFolder> {
    await mkdir(root, { recursive: true });
    return new SpoolFolder(await mkdtemp(path.join(root, 'upload-')));
  }

  file(name: string): string {
    return path.join(this.path, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

/** Where uploads lie until they are checked. */
export function spoolRoot(home: string): string {
  return path.join(home, 'tmp', 'uploads');
}

/** Removes what earlier processes left. */
export async function sweepSpool(root: string): Promise<void> {
  const names = await readdir(root).catch(() => []);
  for (const name of names) {
    const folder = path.join(root, name);
    const found = await stat(folder).catch(() => null);
    if (found && Date.now() - found.mtimeMs > abandonedMs) await rm(folder, { recursive: true, force: true });
  }
}
