/** Whether a process that was noted down still lives: a number alone may belong to another process by now. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { LowrankError } from '#base/errors.js';

/** When a process was started, in a form to compare; undefined if it does not live or nobody can tell. */
export function processStart(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') return linuxProcess(pid).start;
    if (process.platform === 'win32') return undefined;
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Whether the process lives and was started then (if that is known). */
export function isAlive(pid: number, start?: string): boolean {
  try {
    process.kill(pid, 0);
    // One that ended, but whose parent has not asked how, still has its number.
    if (process.platform === 'linux' && 'ZX'.includes(linuxProcess(pid).state)) return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return start === undefined || (processStart(pid) ?? start) === start;
}

function linuxProcess(pid: number): { state: string; start: string } {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, in parentheses, may hold anything; state and start are the 3rd and 22nd of all fields.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', start: `${boot} ${fields[19]}` };
}

/** A process as it is noted down on disk. */
export interface NotedProcess {
  readonly host: string;
  readonly pid: number;
  readonly start?: string | undefined;
}

export function noteProcess(pid: number): NotedProcess {
  return { host: hostname(), pid, start: processStart(pid) };
}

/** Whether a process that was noted down has surely ended; on another machine nobody knows. */
export function hasEnded({ host, pid, start }: NotedProcess): boolean {
  return host === hostname() && !isAlive(pid, start);
}

/** Kills a process that was noted down on this machine, if it lives, and waits until it is gone. */
export async function killNoted(noted: NotedProcess, seconds = 10): Promise<void> {
  // Without a start time it might be anybody.
  if (noted.host !== hostname() || noted.start === undefined) return;
  const deadline = performance.now() + 1000 * seconds;
  while (isAlive(noted.pid, noted.start)) {
    try {
      process.kill(noted.pid, 'SIGKILL');
    } catch {
      return;
    }
    if (performance.now() > deadline) {
      throw new LowrankError('trainer_unkillable', `process ${noted.pid} of an earlier attempt does not end`);
    }
    await sleep(20);
  }
}
