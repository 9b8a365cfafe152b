/** Finds out what this machine can compute with, by trying each device in a process of its own. */
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { JobDevice } from '#jobs/devices.js';
import type { Log } from '#jobs/parts.js';
import { cudaEnvironment } from '#runtime/cuda-place.js';
import { tfjsNodeEnvironment, trainingEnvironment } from '#runtime/process-environment.js';
import type { UnusableDevice } from '#platform/database/entities/worker.js';
import type { DeviceSlot } from './device-slots.js';

export interface DeviceSearch {
  /** Names of devices, or `auto` for all that work. */
  readonly wanted: 'auto' | readonly string[];
  readonly home: string;
  /** Of the libraries of CUDA. */
  readonly cudaFolder: string;
  /** Of the machine. */
  readonly memoryBytes: number;
  readonly log: Log;
}

export interface FoundDevices {
  /** The processor, and every GPU. */
  readonly slots: readonly DeviceSlot[];
  /** What was looked for and does not work, with the reasons. */
  readonly unusable: readonly UnusableDevice[];
}

const probeMain = join(import.meta.dirname, 'probe-main.js');
const probeSeconds = 60;
const verdict = z.object({
  ok: z.boolean(),
  reason: z.string().optional(),
  /** Of libs/base/error-codes.ts, where it is known. */
  code: z.string().optional(),
  milliseconds: z.number().optional(),
});
/** A driver that computes WebGPU on the processor takes much longer for the trial than any GPU. */
const slowestGpu = 30;

/** Whether a device works here, and if not, why. */
export async function probeDevice(
  device: JobDevice,
  { home, cudaFolder }: Pick<DeviceSearch, 'home' | 'cudaFolder'>,
): Promise<z.infer<typeof verdict>> {
  const environment = {
    ...process.env,
    ...trainingEnvironment,
    ...tfjsNodeEnvironment(),
    ...(device === 'cuda' ? cudaEnvironment(cudaFolder) : {}),
  };
  const options = { timeout: 1000 * probeSeconds, killSignal: 'SIGKILL', env: environment } as const;
  return new Promise((resolve) => {
    execFile(process.execPath, [probeMain, device, join(home, 'tfjs-node')], options, (error, stdout) => {
      for (const line of stdout.split('\n').reverse()) {
        const found = verdict.safeParse(safeJson(line));
        if (found.success) return resolve(found.data);
      }
      resolve({ ok: false, reason: error ? error.message : 'the trial said nothing' });
    });
  });
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The best first. What works for certain is not tried; TensorFlow.js runs only what asks for it. */
const candidates = {
  cpu: { certain: ['cpu'], tried: [], onRequest: ['tfjs-node'], certainOnRequest: ['eager'] },
  gpu: { certain: [], tried: ['cuda', 'webgpu'], onRequest: ['tfjs-node-gpu'], certainOnRequest: [] },
} as const satisfies Record<DeviceSlot['name'], Record<string, readonly JobDevice[]>>;

/** What this machine can compute with. Devices that do not work are told to the log too. */
export async function findDevices(search: DeviceSearch): Promise<FoundDevices> {
  const [cpu, gpu] = await Promise.all([workingDevices('cpu', search), workingDevices('gpu', search)]);
  const { memoryBytes, wanted } = search;
  const processors = cpus();
  const slots: DeviceSlot[] = [];
  if (cpu.devices.length + cpu.onRequest.length > 0) {
    const facts = { processor: processors[0]?.model ?? 'unknown', cores: processors.length };
    slots.push({
      name: 'cpu',
      devices: cpu.devices,
      onRequest: cpu.onRequest,
      facts: { memory_bytes: memoryBytes, ...facts },
    });
  }
  if (gpu.devices.length + gpu.onRequest.length > 0) {
    const isNvidia = gpu.devices.includes('cuda') || gpu.onRequest.length > 0;
    const cards = isNvidia ? await nvidiaCards() : [];
    for (const [index, card] of (cards.length > 0 ? cards : [{}]).entries()) {
      slots.push({
        name: 'gpu',
        // WebGPU chooses its card itself.
        devices: index === 0 ? gpu.devices : gpu.devices.filter((device) => device !== 'webgpu'),
        onRequest: gpu.onRequest,
        facts: { memory_bytes: memoryBytes, index, ...card },
        environment: cards.length > 1 ? { CUDA_VISIBLE_DEVICES: String(index) } : {},
        environments: { cuda: cudaEnvironment(search.cudaFolder) },
      });
    }
  }
  if (slots.length === 0) search.log.warn({ wanted }, 'no device works: this worker takes no jobs');
  return { slots, unusable: [...cpu.unusable, ...gpu.unusable] };
}

async function workingDevices(
  name: DeviceSlot['name'],
  { wanted, home, cudaFolder, log }: DeviceSearch,
): Promise<Pick<DeviceSlot, 'devices' | 'onRequest'> & Pick<FoundDevices, 'unusable'>> {
  const unusable: UnusableDevice[] = [];
  const isWanted = (device: JobDevice) => wanted === 'auto' || wanted.includes(device);
  const working = async (devices: readonly JobDevice[]) => {
    const tried = devices.filter(isWanted).map(async (device) => {
      const {
        ok,
        reason = 'it does not work',
        code,
        milliseconds,
      } = await probeDevice(device, { home, cudaFolder });
      if (!ok) unusable.push({ device, code: lackOf(reason, code), reason: shortReason(reason) });
      if (!ok && wanted !== 'auto') log.warn({ device, reason }, 'a device that was asked for does not work');
      else log.info({ device, reason, milliseconds }, ok ? 'a device works' : 'a device is not there');
      const isTooSlow = device === 'webgpu' && wanted === 'auto' && (milliseconds ?? 0) > slowestGpu;
      if (ok && isTooSlow) log.info({ device }, 'a device is slow, and used only if WORKER_DEVICES names it');
      return ok && !isTooSlow ? [device] : [];
    });
    return (await Promise.all(tried)).flat();
  };
  const { certain, tried, onRequest, certainOnRequest } = candidates[name];
  const [found, foundOnRequest] = await Promise.all([working(tried), working(onRequest)]);
  return {
    devices: [...certain.filter(isWanted), ...found],
    onRequest: [...certainOnRequest.filter(isWanted), ...foundOnRequest],
    unusable,
  };
}

const software = new Set(['tfjs_node_missing', 'tfjs_node_broken']);
const longestReason = 200;

/** Whether software is missing, which can be installed, or the device itself. */
function lackOf(reason: string, code: string | undefined): string {
  const isSoftware =
    software.has(code ?? '') || /\.so\b|\.dll\b|\.dylib\b|shared (object|library)/i.test(reason);
  return isSoftware ? 'dependency_missing' : 'device_missing';
}

/** One line, without the place in ONNX Runtime's source, which comes first. */
function shortReason(reason: string): string {
  const line = reason.replaceAll(/\s+/g, ' ').trim();
  return line.replace(/^\/.* was false\. /, '').slice(0, longestReason);
}

/** Name and memory of the cards, in the order of their numbers; none if NVIDIA's tool is not there. */
async function nvidiaCards(): Promise<Record<string, unknown>[]> {
  try {
    const query = ['--query-gpu=name,memory.total', '--format=csv,noheader,nounits'];
    const { stdout } = await promisify(execFile)('nvidia-smi', query, { timeout: 1000 * probeSeconds });
    return stdout
      .trim()
      .split('\n')
      .map((line) => {
        const [card, megabytes] = line.split(',').map((text) => text.trim());
        return { card, card_memory_bytes: Number(megabytes) * 2 ** 20 };
      });
  } catch {
    return [];
  }
}
