/** llama.cpp on the processor, in a process for each job; see answer.mjs. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../../tools/llama-cpp');

export interface LlamaJob {
  readonly model: string;
  readonly adapter?: string;
  readonly prompts?: readonly (readonly number[])[];
  /** Of every answer. */
  readonly tokens?: number;
  readonly texts?: readonly string[];
}

export interface LlamaAnswer {
  /** Why llama.cpp would not; the rest is not there then. */
  readonly error?: string;
  readonly answers: readonly (readonly number[])[];
  readonly tokenized: readonly (readonly number[])[];
  readonly template: string | null;
  readonly told: readonly string[];
}

/** Installs what package-lock.json of the folder names, without the libraries of GPUs. */
export function installLlamaCpp(): void {
  if (existsSync(join(folder, 'node_modules/node-llama-cpp'))) return;
  const flags = ['--omit=optional', '--ignore-scripts', '--no-save', '--no-audit', '--no-fund'];
  const { status } = spawnSync('npm', ['install', ...flags], { cwd: folder, stdio: 'inherit' });
  if (status !== 0) throw new Error(`npm install in ${folder} ended with ${status}`);
}

export function askLlamaCpp(job: LlamaJob): LlamaAnswer {
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(folder, 'answer.mjs')], {
    input: JSON.stringify(job),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) {
    return {
      error: `ended with ${status}: ${stderr.slice(-2000)}`,
      answers: [],
      tokenized: [],
      template: null,
      told: [],
    };
  }
  return JSON.parse(stdout.slice(stdout.indexOf('{'))) as LlamaAnswer;
}
