/** Whether this machine has what a GPU is reached through: looked at before an engine fails in words of its own. */
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { LowrankError } from '#base/errors.js';

/** Makers of the GPUs that compute, by their numbers on the PCI bus. */
const makers = { nvidia: '0x10de', amd: '0x1002', intel: '0x8086' } as const;
export type GpuMaker = keyof typeof makers;

/** Makers of the GPUs on a machine's PCI bus; none where the system does not show it. */
export function gpusOnBus(devices = '/sys/bus/pci/devices'): GpuMaker[] {
  const read = (device: string, name: string) => {
    try {
      return readFileSync(join(devices, device, name), 'utf8').trim();
    } catch {
      return '';
    }
  };
  let names: string[] = [];
  try {
    names = readdirSync(devices);
  } catch {
    // Not Linux, or a container that hides it.
  }
  // 0x03: displays.
  const vendors = names
    .filter((name) => read(name, 'class').startsWith('0x03'))
    .map((name) => read(name, 'vendor'));
  return (Object.keys(makers) as GpuMaker[]).filter((maker) => vendors.includes(makers[maker]));
}

/** Version of the NVIDIA driver in the kernel, such as 580.65.06. */
export function nvidiaDriverVersion(file = '/proc/driver/nvidia/version'): string | undefined {
  try {
    return /\b\d{3,}(?:\.\d+)+\b/.exec(readFileSync(file, 'utf8'))?.[0];
  } catch {
    return undefined;
  }
}

/** Throws LowrankError `platform_unsupported`, `driver_missing` or, where no NVIDIA GPU is seen either, `device_missing`. */
export function requireNvidiaDriver(): void {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new LowrankError(
      'platform_unsupported',
      `CUDA is used on Linux on x86-64 only, and this is ${process.platform} ${process.arch}`,
    );
  }
  const problem = loadProblem('libcuda.so.1');
  if (problem === undefined) return;
  if (gpusOnBus().includes('nvidia')) {
    throw new LowrankError('driver_missing', `the driver of the NVIDIA GPU is missing (${problem})`);
  }
  throw new LowrankError('device_missing', 'this machine has no NVIDIA GPU with a driver (libcuda.so.1)');
}

/** Throws LowrankError `dependency_missing` on Linux without Vulkan's loader. */
export function requireVulkan(): void {
  const problem = process.platform === 'linux' ? loadProblem('libvulkan.so.1') : undefined;
  if (problem === undefined) return;
  throw new LowrankError('dependency_missing', `Vulkan's loader is missing (${problem})`, {
    details: { library: 'libvulkan.so.1' },
  });
}

/** Why the dynamic linker does not load a library; undefined if it does. */
function loadProblem(library: string): string | undefined {
  try {
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_LAZY);
  } catch (error) {
    const { message } = error as Error;
    // What was loaded and is no addon of Node is let go again.
    return message.includes('did not self-register') ? undefined : message;
  }
  return undefined;
}
