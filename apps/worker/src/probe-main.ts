/**
 * Tries one device with a small step and writes what it found as a line of JSON: `{"ok": true, "milliseconds": 3,
 * "engine": "ONNX Runtime 1.30.0"}` or `{"ok": false, "reason": "...", "code": "..."}`. Arguments: the device, and for
 * TensorFlow's own devices the folder of their installations. A process of its own, since a driver that does not work may
 * end it. See `#jobs/probe-device.js`.
 */
import { LowrankError } from '#base/errors.js';
import { matMul, sum, type Tensor } from '#jit/ops.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { type Device, devices, type EagerDevice, isEagerDevice, isTfjsNodeKind } from '#runtime/device.js';
import { EagerRunner } from '#runtime/eager-runner.js';
import { requireNvidiaDriver, requireVulkan } from '#runtime/gpu-drivers.js';
import type { Runner } from '#runtime/runner.js';
import { loadTfjsNode } from '#runtime/tfjs-node.js';
import { runtimeVersion } from '#runtime/version.js';
import { openEagerBackend } from '#training/eager-steps.js';

/** Large enough for a GPU to show what it can. */
const size = 1024;
const spec = {
  data: { x: { shape: [size, size], dtype: 'float32' } },
  scalars: [],
  state: {},
  weights: {},
} as const;

/** The sum of a matrix multiplied by itself. */
function program({ data }: { data: Readonly<Record<string, Tensor>> }) {
  return { outputs: { total: sum(matMul(data['x']!, data['x']!)) }, state: {} };
}

function compiledRunner(device: Device): Runner {
  const compile = () => compileProgram(program, spec, { device, recomputedSegments: 0 });
  const options = { device, threads: 1, spin: false, cacheFolder: undefined };
  return new CompiledRunner({ probe: { key: 'probe', compile } }, {}, options);
}

async function eagerRunner(device: EagerDevice, folder: string): Promise<Runner> {
  const backend = await openEagerBackend(device, folder);
  const noWeights = () => Promise.reject(new Error('there are no weights'));
  return new EagerRunner({ probe: { program, spec } }, {}, noWeights, backend);
}

/** What is missing is told by its name, which the engines do not always do. */
function requireDriver(name: string): void {
  if (name === 'cuda' || name === 'tfjs-node-gpu') requireNvidiaDriver();
  if (name === 'webgpu') requireVulkan();
}

function engineOf(name: string, folder: string): string {
  if (isTfjsNodeKind(name)) return `TensorFlow ${loadTfjsNode(name, folder).tensorflow}`;
  return name === 'eager' ? 'TensorFlow.js' : `ONNX Runtime ${runtimeVersion}`;
}

/** Yields the milliseconds that it took; throws if the device cannot, or computes another number. */
async function tryDevice(name: string, folder: string): Promise<number> {
  const onnx = devices.find((device) => device === name);
  if (!onnx && !isEagerDevice(name)) throw new Error(`there is no device ${name}`);
  requireDriver(name);
  const runner = onnx ? compiledRunner(onnx) : await eagerRunner(name as EagerDevice, folder);
  const data = { x: new Float32Array(size * size).fill(1) };
  // A device compiles its kernels in the first run.
  await runner.run('probe', { data });
  const begin = performance.now();
  const { total } = await runner.run('probe', { data });
  const milliseconds = performance.now() - begin;
  await runner.close();
  if (total?.[0] !== size ** 3) throw new Error(`${name} computes wrong numbers`);
  return milliseconds;
}

const [name = '', folder = ''] = process.argv.slice(2);
try {
  const milliseconds = await tryDevice(name, folder);
  console.log(JSON.stringify({ ok: true, milliseconds, engine: engineOf(name, folder) }));
} catch (error) {
  const code = error instanceof LowrankError ? error.code : undefined;
  console.log(JSON.stringify({ ok: false, reason: (error as Error).message, code }));
}
