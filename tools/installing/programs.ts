/** The programs of the machine that an installation needs: whether they are there, and running them. */
import { spawn } from 'node:child_process';
import { LowrankError } from '#base/errors.js';

interface Needed {
  readonly program: string;
  readonly args: readonly string[];
  /** How a machine gets it. */
  readonly fix: string;
}

const needs = {
  python3: { program: 'python3', args: ['--version'], fix: 'install the package python3' },
  'pip for python3': {
    program: 'python3',
    args: ['-m', 'pip', '--version'],
    fix: 'install the package python3-pip, or run "python3 -m ensurepip"',
  },
  'g++': { program: 'g++', args: ['--version'], fix: 'install the package g++ (Fedora: gcc-c++)' },
  npm: { program: 'npm', args: ['--version'], fix: 'it comes with Node.js: put it on the PATH' },
} as const satisfies Record<string, Needed>;

export type NeededProgram = keyof typeof needs;

/** Throws LowrankError `tools_missing` that names every program that is not there, with the fix. */
export async function requirePrograms(
  names: readonly NeededProgram[],
  { task, environment }: Pick<ProgramOptions, 'task' | 'environment'>,
): Promise<void> {
  const missing: NeededProgram[] = [];
  for (const name of names) {
    // Without Python there is no use in asking for its pip.
    if (missing.some((other) => needs[other].program === needs[name].program)) continue;
    if (!(await works(needs[name], environment))) missing.push(name);
  }
  if (missing.length === 0) return;
  const list = missing.map((name) => `${name} (${needs[name].fix})`).join(', ');
  throw new LowrankError('tools_missing', `${task} needs what this machine lacks: ${list}`, {
    details: { missing },
  });
}

async function works({ program, args }: Needed, environment: NodeJS.ProcessEnv): Promise<boolean> {
  try {
    await runProgram(program, args, { task: program, environment });
    return true;
  } catch {
    return false;
  }
}

export interface ProgramOptions {
  /** What is being done, for the message of a failure. */
  readonly task: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly folder?: string;
  readonly signal?: AbortSignal;
}

const keptLines = 15;

/**
 * Runs a program and resolves with its standard output. Throws LowrankError `program_failed` with the last lines that
 * it wrote, or the signal's reason.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  { task, environment, folder, signal }: ProgramOptions,
): Promise<string> {
  signal?.throwIfAborted();
  const child = spawn(program, args, {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  });
  let output = '';
  let all = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    all += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (all += text));
  const end = await new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, by) => resolve(code === 0 ? null : (by ?? `exit code ${code}`)));
  });
  signal?.throwIfAborted();
  if (end === null) return output;
  const lines = all.trim().split('\n').slice(-keptLines).join('\n');
  throw new LowrankError('program_failed', `${task} failed (${program}: ${end})${lines && `:\n${lines}`}`, {
    details: { program, end },
  });
}
