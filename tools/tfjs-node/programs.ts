/** The programs of the machine that build the backend: whether they are there, and running them. */
import { spawn } from 'node:child_process';
import { LowrankError } from '#base/errors.js';

interface Needed {
  readonly program: string;
  readonly args: readonly string[];
  /** What it is for, and how a machine gets it. */
  readonly name: string;
  readonly fix: string;
}

const needed: readonly Needed[] = [
  { program: 'python3', args: ['--version'], name: 'python3', fix: 'install the package python3' },
  {
    program: 'python3',
    args: ['-m', 'pip', '--version'],
    name: 'pip for python3',
    fix: 'install the package python3-pip, or run "python3 -m ensurepip"',
  },
  { program: 'g++', args: ['--version'], name: 'g++', fix: 'install the package g++ (Fedora: gcc-c++)' },
  { program: 'npm', args: ['--version'], name: 'npm', fix: 'it comes with Node.js: put it on the PATH' },
];

/** Throws LowrankError `tools_missing` that names every program that is not there, with the fix. */
export async function requirePrograms(environment: NodeJS.ProcessEnv): Promise<void> {
  const missing: Needed[] = [];
  for (const need of needed) {
    // Without Python there is no use in asking for its pip.
    if (missing.some(({ program }) => program === need.program)) continue;
    if (!(await works(need, environment))) missing.push(need);
  }
  if (missing.length === 0) return;
  const list = missing.map(({ name, fix }) => `${name} (${fix})`).join(', ');
  throw new LowrankError('tools_missing', `building tfjs-node needs what this machine lacks: ${list}`, {
    details: { missing: missing.map(({ name }) => name) },
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
