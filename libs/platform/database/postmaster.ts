/** Which process, if any, runs Postgres on a data folder. */
import { execFile } from 'node:child_process';
import { readFile, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

/** Whether a process with this number exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It exists, but belongs to someone else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The Postgres that a data folder names, if it lives; a number that another program has got since does not count. */
export async function livePostmaster(dataFolder: string): Promise<number | null> {
  const text = await readFile(path.join(dataFolder, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  if (!(pid > 1) || !isAlive(pid)) return null;
  return (await worksIn(pid, dataFolder)) ? pid : null;
}

/** Postgres makes its data folder its working folder, and its command line names it. */
async function worksIn(pid: number, dataFolder: string): Promise<boolean> {
  if (process.platform === 'linux') {
    const [folder, real] = await Promise.all([
      readlink(`/proc/${pid}/cwd`).catch(() => ''),
      realpath(dataFolder),
    ]);
    return folder === real;
  }
  const { stdout } = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({
    stdout: '',
  }));
  return stdout.includes('postgres') && stdout.includes(dataFolder);
}
