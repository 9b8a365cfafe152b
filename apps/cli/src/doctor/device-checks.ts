/** Which devices could train on this machine, and what the others lack. */
import { existsSync } from 'node:fs';
import type { ErrorCode } from '#base/error-codes.js';
import { jobDevices } from '#jobs/devices.js';
import { type DevicePlaces, probeDevice } from '#jobs/probe-device.js';
import { processMain } from '#platform/program.js';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was found. */
  readonly about: string;
  /** Where it does not work: why, for programs. */
  readonly code?: ErrorCode;
  /** What to do, where it does not work and something can be done. */
  readonly fix?: string;
}

/** Tries every device with a small step, each in a process of its own. */
export async function checkDevices(options: DevicePlaces & { signal?: AbortSignal }): Promise<Check[]> {
  const checks: Check[] = [];
  // One after another: they would fight for the processor.
  for (const device of jobDevices) {
    if (device === 'eager') {
      checks.push({
        name: device,
        ok: true,
        about: 'TensorFlow.js in plain JavaScript; slow, for comparisons',
      });
      continue;
    }
    const answer = await probeDevice(device, { ...options, main: processMain('probe') });
    if (answer.ok) checks.push({ name: device, ok: true, about: `${answer.engine} computes on it` });
    else checks.push({ name: device, ok: false, about: answer.reason, code: answer.code, fix: answer.fix });
  }
  return checks;
}

/** Whether the program was built; the processes that try devices are part of it. */
export function isBuilt(): boolean {
  return existsSync(processMain('probe'));
}
