/** Devices of a machine in words. */
import { bytes } from '../../format.js';

export type Device = Readonly<Record<string, unknown>>;

const text = (device: Device, name: string) => (typeof device[name] === 'string' ? device[name] : null);
const count = (device: Device, name: string) => (typeof device[name] === 'number' ? device[name] : null);

/** Such as `AMD EPYC, 2 cores, 24.0 GB memory`. */
export function deviceName(device: Device): string {
  const memory = count(device, 'card_memory_bytes') ?? count(device, 'memory_bytes');
  const cores = count(device, 'cores');
  return [
    text(device, 'card') ?? text(device, 'processor') ?? text(device, 'name'),
    cores === null ? null : `${cores} cores`,
    memory === null ? null : `${bytes(memory)} memory`,
  ]
    .filter(Boolean)
    .join(', ');
}

/** Such as `cpu 0`. */
export function deviceLabel(device: Device): string {
  const index = count(device, 'index');
  return `${text(device, 'name') ?? 'device'}${index === null ? '' : ` ${index}`}`;
}

/** What jobs may write as `device` to run there. */
export function deviceOptions(device: Device): readonly string[] {
  return Array.isArray(device['devices']) ? device['devices'].map(String) : [];
}
