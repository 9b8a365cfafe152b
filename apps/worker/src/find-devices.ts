/** Finds out what this machine can compute with, by trying each device in a process of its own. */
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { promisify } from 'node:util';
import type { JobDevice } from '#jobs/devices.js';
import type { Log } from '#jobs/parts.js';
import { type DevicePlaces, probeDevice } from '#jobs/probe-device.js';
import { cudaEnvironment } from '#runtime/cuda-paths.js';
import type { UnusableDevice } from '#platform/database/entities/worker.js';
import { processMain } from '#platform/program.js';
import type { DeviceSlot } from './device-slots.js';

export interface DeviceSearch extends DevicePlaces {
  /** Names of devices, or `auto` for all that work. */
  readonly wanted: 'auto' | readonly string[];
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

const cardsMs = 60_000;
/** A driver that computes WebGPU on the processor takes much longer for the trial than any GPU. */
const slowestGpu = 30;

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
      const answer = await probeDevice(device, { main: processMain('probe'), home, cudaFolder });
      if (!answer.ok) {
        const { code, reason, fix } = answer;
        unusable.push({ device, code, reason: `${reason}: ${fix}` });
        if (wanted === 'auto') log.info({ device, code, reason, fix }, 'a device is not there');
        else log.warn({ device, code, reason, fix }, 'a device that was asked for does not work');
        return [];
      }
      const { milliseconds } = answer;
      log.info({ device, milliseconds }, 'a device works');
      if (device !== 'webgpu' || wanted !== 'auto' || milliseconds <= slowestGpu) return [device];
      log.info({ device }, 'a device is slow, and used only if WORKER_DEVICES names it');
      return [];
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

/** Name and memory of the cards, in the order of their numbers; none if NVIDIA's tool is not there. */
async function nvidiaCards(): Promise<Record<string, unknown>[]> {
  try {
    const query = ['--query-gpu=name,memory.total', '--format=csv,noheader,nounits'];
    const { stdout } = await promisify(execFile)('nvidia-smi', query, { timeout: cardsMs });
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
