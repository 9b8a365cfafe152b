/** Processes of the service as a test finds and stops them. */
import { readdir, readFile } from 'node:fs/promises';

/** Numbers of the processes that `parent` started and whose command line contains `part`. */
export async function childrenOf(parent: number, part: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of (await readdir('/proc')).filter((one) => /^\d+$/.test(one))) {
    const read = (file: string) => readFile(`/proc/${name}/${file}`, 'utf8').catch(() => '');
    if (!(await read('status')).includes(`\nPPid:\t${parent}\n`)) continue;
    if ((await read('cmdline')).includes(part)) found.push(Number(name));
  }
  return found;
}

/** Stops a process where it is, until it is sent SIGCONT; false if it has ended. */
export function freeze(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGSTOP');
  } catch {
    return false;
  }
}
