/** TensorFlow in this process: where it is installed, and what it is told before it is loaded. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isTfjsNodeKind } from '#runtime/device.js';
import { tfjsNodeEnvironment } from '#runtime/process-environment.js';
import type { TrainingOptions } from '#training/options.js';

/** The folder of the installations: `tfjs-node` in LOWRANK_HOME, which is ~/.lowrank by default. */
export function tfjsNodeFolder(env: NodeJS.ProcessEnv): string {
  const home = env['LOWRANK_HOME']?.trim() || '~/.lowrank';
  return join(home.replace(/^~(?=\/|$)/, homedir()), 'tfjs-node');
}

/** Sets TensorFlow's variables for a run on one of its devices; what a person has set stays. */
export function setTensorflowVariables(env: NodeJS.ProcessEnv, options: TrainingOptions): void {
  if (!isTfjsNodeKind(options.device)) return;
  const threads = options.threads === 'auto' ? undefined : options.threads;
  for (const [name, value] of Object.entries(tfjsNodeEnvironment(threads))) env[name] ??= value;
}
