/** Which devices could train on this machine, and what the others lack. */
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LowrankError } from '#base/errors.js';
import { cudaEnvironment } from '#runtime/cuda-place.js';
import { trainingEnvironment } from '#runtime/process-environment.js';
import { programRoot } from '../installation.js';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was found. */
  readonly about: string;
  /** What to do, where it does not work and something can be done. */
  readonly fix?: string;
}

export interface DeviceCheckOptions {
  readonly environment: NodeJS.ProcessEnv;
  /** Folder of the installations of tfjs-node. */
  readonly tfjsFolder: string;
  /** Of the libraries of CUDA. */
  readonly cudaFolder: string;
  readonly signal?: AbortSignal;
}

const probeMs = 120_000;
const longestReason = 160;

const onnxFixes = {
  cpu: 'install the program again with "npm ci": its ONNX Runtime does not work on this machine',
  webgpu:
    'a GPU with a driver for Vulkan, Metal or Direct3D 12 is needed: install the driver of its vendor (on Linux "vulkaninfo --summary" must list the GPU)',
  cuda: 'an NVIDIA GPU with its driver (580 or newer) is needed, and the libraries of CUDA: lowrank doctor --install cuda',
} as const;

/** Tries every device with a small step, each in a process of its own. */
export async function checkDevices(options: DeviceCheckOptions): Promise<Check[]> {
  const onnx = Object.keys(onnxFixes) as (keyof typeof onnxFixes)[];
  const checks: Check[] = [];
  // One after another: they would fight for the processor.
  for (const device of onnx) checks.push(await checkOnnx(device, options));
  checks.push({ name: 'eager', ok: true, about: 'TensorFlow.js in plain JavaScript; slow, for comparisons' });
  for (const kind of ['tfjs-node', 'tfjs-node-gpu'] as const) checks.push(await checkTfjs(kind, options));
  return checks;
}

async function checkOnnx(device: keyof typeof onnxFixes, options: DeviceCheckOptions): Promise<Check> {
  const answer = await probe(device, options);
  if (answer.ok) return { name: device, ok: true, about: 'ONNX Runtime computes on it' };
  return { name: device, ok: false, about: shortReason(answer.reason), fix: onnxFixes[device] };
}

/** Without the place in ONNX Runtime's source, which comes first. */
function shortReason(reason = 'it does not work'): string {
  const line = reason.replaceAll(/\s+/g, ' ').trim();
  return line.replace(/^\/.* was false\. /, '').slice(0, longestReason);
}

interface ProbeAnswer {
  readonly ok: boolean;
  readonly reason?: string;
}

function probe(device: string, { cudaFolder, signal }: DeviceCheckOptions): Promise<ProbeAnswer> {
  const child = fork(join(programRoot, 'dist/apps/worker/src/probe-main.js'), [device], {
    execArgv: [],
    env: {
      ...process.env,
      ...trainingEnvironment,
      ...(device === 'cuda' ? cudaEnvironment(cudaFolder) : {}),
    },
    stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
    timeout: probeMs,
    killSignal: 'SIGKILL',
    signal,
  });
  let output = '';
  child.stdout?.on('data', (text) => (output += String(text)));
  return new Promise((resolve, reject) => {
    child.once('error', (error) => (signal?.aborted ? reject(signal.reason as Error) : reject(error)));
    // After `exit`, when the output is whole.
    child.once('close', (code, by) => {
      const line = output.trim().split('\n').at(-1) ?? '';
      if (line.startsWith('{')) resolve(JSON.parse(line) as ProbeAnswer);
      else resolve({ ok: false, reason: `its test ended ${by ? `by ${by}` : `with code ${code}`}` });
    });
  });
}

async function checkTfjs(
  kind: 'tfjs-node' | 'tfjs-node-gpu',
  { environment, tfjsFolder, signal }: DeviceCheckOptions,
): Promise<Check> {
  const { probeTfjsNode } = await import('../../../../tools/tfjs-node/probe.js');
  const fix = `lowrank doctor --install ${kind}`;
  try {
    const { tensorflow, gpu } = await probeTfjsNode({ kind, folder: tfjsFolder, environment, signal });
    const place = gpu ? 'a GPU' : 'the CPU';
    const about = `TensorFlow ${tensorflow} computes on ${place}`;
    if (kind === 'tfjs-node-gpu' && !gpu) {
      const driver =
        'TensorFlow finds no GPU: look for one with nvidia-smi, and at its driver (525 or newer)';
      return { name: kind, ok: false, about, fix: driver };
    }
    return { name: kind, ok: true, about };
  } catch (error) {
    if (!(error instanceof LowrankError) || signal?.aborted) throw error;
    const isMissing = error.code === 'tfjs_node_missing';
    return { name: kind, ok: false, about: isMissing ? 'not installed (optional)' : error.message, fix };
  }
}

/** Whether the program was built; the processes that try devices are part of it. */
export function isBuilt(): boolean {
  return existsSync(join(programRoot, 'dist/apps/worker/src/probe-main.js'));
}
