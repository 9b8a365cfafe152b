/** The command run as a function, with what it wrote. */
import { PassThrough } from 'node:stream';
import type { TextStream } from '../src/output.js';
import { runCli } from '../src/program.js';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly url?: string;
  readonly isTTY?: boolean;
  readonly signal?: AbortSignal;
  readonly environment?: Record<string, string>;
}

export async function run(
  args: readonly string[],
  { url, isTTY = false, signal, environment }: RunOptions = {},
): Promise<Ran> {
  const texts = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr'): TextStream => {
    const target = Object.assign(new PassThrough(), { isTTY, columns: 60 });
    target.on('data', (chunk) => (texts[name] += String(chunk)));
    return target;
  };
  const code = await runCli(args, {
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    environment: { ...(url ? { LOWRANK_URL: url } : {}), ...environment },
    signal: signal ?? new AbortController().signal,
  });
  return { code, ...texts };
}
