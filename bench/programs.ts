/** The programs that take turns: ours in child processes, PEFT in a Python. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { trainingEnvironment } from '#runtime/process-environment.js';
import type { BasePrecision } from '#training/base-precision/declared.js';
import type { Ready, Turn } from './child.js';
import type { BenchOptions, PeerDtype } from './options.js';
import { lora } from '#training/speed/work-unit.js';

export interface Program {
  readonly name: string;
  readonly ready: Ready | undefined;
  turn(): Promise<Turn>;
  stop(): void;
}

async function messageOf(child: ChildProcess): Promise<unknown> {
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`a benchmark process ended with code ${String(code)}`);
  });
  const [message] = (await Promise.race([once(child, 'message'), failed])) as [unknown];
  return message;
}

/** Starts our step, or its bare products, in a process set up as a training process is. */
export async function startOurs(
  kind: 'step' | 'bare' | BasePrecision,
  folder: string,
  options: BenchOptions,
): Promise<Program> {
  const child = fork(join(import.meta.dirname, 'child.js'), [kind, folder, JSON.stringify(options)], {
    env: { ...process.env, ...trainingEnvironment },
  });
  const ready = (await messageOf(child)) as Ready;
  return {
    name: kind,
    ready,
    turn: async () => {
      child.send('turn');
      return (await messageOf(child)) as Turn;
    },
    stop: () => child.kill(),
  };
}

/** Starts PEFT with the attention that transformers chooses. */
export async function startPeer(folder: string, dtype: PeerDtype, options: BenchOptions): Promise<Program> {
  const script = join(import.meta.dirname, '../../tools/bench/peft_step.py');
  const flags = {
    model: folder,
    dtype,
    tokens: `${options.batch}x${options.length}`,
    'loss-share': options.lossShare,
    threads: options.threads,
    r: lora.r,
    alpha: lora.lora_alpha,
    targets: options.targets.join(','),
  };
  const args = [
    script,
    '--serve',
    ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]),
  ];
  const child = spawn(options.peer!, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done)
      throw new Error(
        `${options.peer} could not run tools/bench/peft_step.py; it needs torch, transformers and peft`,
      );
    return value;
  };
  await line();
  return {
    name: `peft-${dtype}`,
    ready: undefined,
    turn: async () => {
      child.stdin.write('turn\n');
      const { seconds, peak_bytes: peakBytes } = JSON.parse(await line()) as {
        seconds: number;
        peak_bytes: number;
      };
      return { ms: seconds * 1000, peakBytes };
    },
    stop: () => child.kill(),
  };
}
