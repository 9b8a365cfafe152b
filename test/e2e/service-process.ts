/** `lowrank start` as a process of its own, for tests that do something to all of it at once. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { LowrankClient } from '#client/client.js';
import { isAlive } from '#platform/process-identity.js';

const main = join(import.meta.dirname, '../../dist/apps/cli/src/main.js');

export interface ServiceProcess {
  readonly home: string;
  readonly client: LowrankClient;
  readonly launcher: ChildProcess;
  /** Ends it as Ctrl-C does; yields its exit code. */
  stop(): Promise<number | null>;
}

/** Starts it, with one worker unless told otherwise, and resolves when it is ready; its log goes to `log`, or nowhere. */
export async function startService(
  home: string,
  environment: NodeJS.ProcessEnv = {},
  { log = 'ignore', workers = 1 }: { readonly log?: number | 'ignore'; readonly workers?: number } = {},
): Promise<ServiceProcess> {
  const { PATH, HOME } = process.env;
  const launcher = spawn(process.execPath, [main, 'start', '--json', '--workers', String(workers)], {
    env: { PATH, HOME, LOWRANK_HOME: home, PORT: '0', WORKER_MEASURES_SPEED: 'false', ...environment },
    stdio: ['ignore', 'pipe', log],
  });
  const ended = once(launcher, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const ready = once(createInterface({ input: launcher.stdout! }), 'line') as Promise<[string]>;
  const [line] = await Promise.race([
    ready,
    ended.then(([code]) => Promise.reject(new Error(`lowrank start ended with code ${code}`))),
  ]);
  const { url } = JSON.parse(line) as { url: string };
  return {
    home,
    client: new LowrankClient({ url }),
    launcher,
    async stop() {
      if (launcher.exitCode === null) launcher.kill('SIGTERM');
      const [code] = await ended;
      return code;
    },
  };
}

/** A process and all that it started, and what those started. */
export function familyOf(root: number): number[] {
  return processesOf(root).map(({ pid }) => pid);
}

/** Numbers of the processes in a family whose command line has this in it. */
export function membersOf(root: number, part: string): number[] {
  return processesOf(root)
    .filter(({ args }) => args.includes(part))
    .map(({ pid }) => pid);
}

/** Read from one listing of all processes, since any of them may end between two. */
function processesOf(root: number): { readonly pid: number; readonly args: string }[] {
  const listing = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' });
  const all = listing
    .trim()
    .split('\n')
    .map((line) => {
      const [, pid, parent, args] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)!;
      return { pid: Number(pid), parent: Number(parent), args: args! };
    });
  const found = all.filter(({ pid }) => pid === root);
  for (const { pid } of found) found.push(...all.filter(({ parent }) => parent === pid));
  return found.filter(({ pid }) => isAlive(pid));
}
