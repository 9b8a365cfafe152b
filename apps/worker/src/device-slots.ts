/** Which devices this worker has, and which of them are free. One job at a time runs on each piece of hardware. */
import type { JobDevice, WantedDevice } from '#jobs/devices.js';

/** Something to compute with, under the names by which jobs ask for it. */
export interface DeviceSlot {
  readonly name: 'cpu' | 'gpu';
  /** The best first: what `auto` takes. */
  readonly devices: readonly JobDevice[];
  /** Devices that are used only if a job asks for them. */
  readonly onRequest: readonly JobDevice[];
  /** What people want to know of it. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** What a trainer on it must find in its environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A slot that was taken, for one of its devices. */
export interface TakenSlot {
  readonly device: JobDevice;
  readonly environment: Readonly<Record<string, string>>;
  release(): void;
}

export class DeviceSlots {
  private readonly slots: DeviceSlot[] = [];
  private readonly busy = new Set<DeviceSlot>();

  add(slot: DeviceSlot): void {
    this.slots.push(slot);
  }

  get count(): number {
    return this.slots.length;
  }

  /** The slots, for the database. */
  get facts(): Record<string, unknown>[] {
    return this.slots.map(({ name, devices, onRequest, facts }) => ({
      name,
      devices: [...devices, ...onRequest],
      ...facts,
    }));
  }

  /** Whether any slot could ever run this. */
  has(wanted: WantedDevice): boolean {
    return this.slots.some((slot) => deviceOf(slot, wanted) !== undefined);
  }

  /**
   * Takes a free slot that can run this; undefined if there is none at the moment. A job that leaves the choice to the
   * worker waits for a GPU where there is one: on the processor it might take a hundred times as long.
   */
  take(wanted: WantedDevice): TakenSlot | undefined {
    const gpus = this.slots.filter(({ name, devices }) => name === 'gpu' && devices.length > 0);
    const candidates = wanted === 'auto' && gpus.length > 0 ? gpus : this.slots;
    for (const slot of candidates) {
      if (this.busy.has(slot)) continue;
      const device = deviceOf(slot, wanted);
      if (device === undefined) continue;
      this.busy.add(slot);
      const { environment = {} } = slot;
      return { device, environment, release: () => void this.busy.delete(slot) };
    }
    return undefined;
  }
}

function deviceOf({ devices, onRequest }: DeviceSlot, wanted: WantedDevice): JobDevice | undefined {
  if (wanted === 'auto') return devices[0] ?? onRequest[0];
  return [...devices, ...onRequest].find((device) => device === wanted);
}
