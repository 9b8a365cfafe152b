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

/** Starts it and resolves when it is ready; its log goes to `log`, a descriptor, or nowhere. */
export async function startService(
  home: string,
  environment: NodeJS.ProcessEnv = {},
  log: number | 'ignore' = 'ignore',
): Promise<ServiceProcess> {
  const { PATH, HOME } = process.env;
  const launcher = spawn(process.execPath, [main, 'start', '--json'], {
    env: { PATH, HOME, LOWRANK_HOME: home, PORT: '0', ...environment },
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
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  const found = [root];
  for (const parent of found) found.push(...pairs.filter(([, of]) => of === parent).map(([pid]) => pid));
  return found.filter((pid) => isAlive(pid));
}

/** Numbers of the processes in a family whose command line has this in it. */
export function membersOf(root: number, part: string): number[] {
  return familyOf(root).filter((pid) => {
    const args = execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
    return args.includes(part);
  });
}
