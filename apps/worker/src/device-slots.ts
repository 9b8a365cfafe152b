/** Which devices this worker has, and which of them are free. One job at a time runs on each piece of hardware. */
import type { JobDevice } from '#jobs/devices.js';

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
  /** What it must find there besides, to compute on one of the devices. */
  readonly environments?: Partial<Record<JobDevice, Readonly<Record<string, string>>>>;
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
  private readonly waiting = new Set<() => void>();

  add(slot: DeviceSlot): void {
    this.slots.push(slot);
  }

  get count(): number {
    return this.slots.length;
  }

  /** The slots, for the database. */
  get facts(): Record<string, unknown>[] {
    return this.slots.map((slot) => ({
      name: slot.name,
      devices: [...slot.devices, ...slot.onRequest],
      auto: this.takesAuto(slot),
      ...slot.facts,
    }));
  }

  get free(): readonly DeviceSlot[] {
    return this.slots.filter((slot) => !this.busy.has(slot));
  }

  /** What jobs on this slot may ask for. */
  takes(slot: DeviceSlot): readonly string[] {
    const names = [...slot.devices, ...slot.onRequest];
    return this.takesAuto(slot) ? ['auto', ...names] : names;
  }

  /** Takes a free slot for a job that asks for one of `takes(slot)`. */
  take(slot: DeviceSlot, wanted: string): TakenSlot {
    const { devices, onRequest } = slot;
    const names = [...devices, ...onRequest];
    const device = names.find((name) => wanted === 'auto' || name === wanted);
    if (device === undefined || this.busy.has(slot))
      throw new Error(`${wanted} cannot run on ${slot.name} now`);
    this.busy.add(slot);
    const environment = { ...slot.environment, ...slot.environments?.[device] };
    return { device, environment, release: () => this.release(slot) };
  }

  /** Resolves at once if a slot is free, otherwise when one becomes free; and when the signal aborts. */
  async untilFree(signal: AbortSignal): Promise<void> {
    if (this.free.length > 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.waiting.add(done);
      signal.addEventListener('abort', done);
    });
  }

  private release(slot: DeviceSlot): void {
    this.busy.delete(slot);
    for (const done of this.waiting) done();
    this.waiting.clear();
  }

  /** A job that leaves the choice to the worker waits for a GPU where there is one: it is a hundred times as fast. */
  private takesAuto(slot: DeviceSlot): boolean {
    const gpus = this.slots.filter(({ name, devices }) => name === 'gpu' && devices.length > 0);
    return gpus.length === 0 || gpus.includes(slot);
  }
}
