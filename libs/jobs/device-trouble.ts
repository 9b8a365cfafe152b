/** Why a device does not work: from the words of engines, linkers and drivers to a code, a sentence and a fix. */
import { type ErrorCode, errorCodeOf } from '#base/error-codes.js';
import type { JobDevice } from '#jobs/devices.js';
import { type GpuMaker } from '#runtime/gpu-drivers.js';

/** The oldest drivers that know the CUDA of each engine. */
export const minDriver = { cuda: 580, 'tfjs-node-gpu': 525 } as const;

export interface DeviceTrouble {
  readonly code: ErrorCode;
  /** What is missing or wrong. */
  readonly reason: string;
  readonly fix: string;
}

/** What is known of a trial that failed. */
export interface FailedTrial {
  /** Of the error that ended it, where it was caught. */
  readonly code?: string;
  readonly message?: string;
  /** The standard error of its process. */
  readonly log: string;
  /** How the process ended, where it said nothing. */
  readonly end?: string;
  /** Version of ONNX Runtime that the installed libraries of CUDA belong to. */
  readonly installedCuda?: string;
  readonly gpus: readonly GpuMaker[];
  readonly nvidiaDriver?: string;
}

const longestReason = 200;

/** What stands in the way of a device. */
export function deviceTrouble(device: JobDevice, trial: FailedTrial): DeviceTrouble {
  const text = [trial.message, trial.log].filter(Boolean).join('\n');
  const known =
    codeTrouble(device, trial) ?? cudaTrouble(device, text, trial) ?? libraryTrouble(device, text, trial);
  if (known) return known;
  if (device === 'webgpu' && /WebGPU adapter/i.test(text)) return noAdapter(trial);
  if (trial.code === 'tfjs_node_no_gpu') return noTensorflowGpu(trial);
  return {
    code: trial.code === undefined ? 'device_unsuitable' : errorCodeOf(trial.code, 'device_unsuitable'),
    reason: shortReason(
      trial.message ?? lastError(trial.log) ?? `its trial ended (${trial.end ?? 'without a word'})`,
    ),
    fix: fixes[device],
  };
}

const driverFix = (device: JobDevice) => {
  const least = device === 'tfjs-node-gpu' ? minDriver['tfjs-node-gpu'] : minDriver.cuda;
  return `install NVIDIA's driver, ${least} or newer; in a container also start it with the GPU (docker run --gpus all)`;
};

const install = (device: JobDevice) => `lowrank doctor --install ${device}`;

/** What the GPUs of this system are reached through. */
const graphics = { darwin: 'Metal', win32: 'Direct3D 12' }[process.platform as string] ?? 'Vulkan';

/** Where nothing better is known. */
const fixes: Readonly<Record<JobDevice, string>> = {
  cpu: 'install the program again with "npm ci": its ONNX Runtime does not work on this machine',
  eager: 'install the program again with "npm ci"',
  webgpu: 'install the newest driver of the GPU\'s vendor; on Linux "vulkaninfo --summary" must list the GPU',
  cuda: 'look at the GPU with nvidia-smi, and install the libraries of CUDA again: lowrank doctor --install cuda',
  'tfjs-node': 'lowrank doctor --install tfjs-node',
  'tfjs-node-gpu':
    'look at the GPU with nvidia-smi, or build it again: lowrank doctor --install tfjs-node-gpu',
};

/** What was found out before the engine was asked. */
function codeTrouble(device: JobDevice, { code, message = '' }: FailedTrial): DeviceTrouble | undefined {
  switch (code) {
    case 'driver_missing':
      return { code, reason: message, fix: driverFix(device) };
    case 'device_missing':
      return {
        code,
        reason: message,
        fix: `use cpu or webgpu; if there is an NVIDIA GPU, ${driverFix(device)}`,
      };
    case 'platform_unsupported':
      return { code, reason: message, fix: 'use cpu or webgpu' };
    case 'dependency_missing':
      return {
        code,
        reason: message,
        fix: "install the package libvulkan1 (Fedora and Arch: vulkan-loader) and the driver of the GPU's vendor",
      };
    case 'tfjs_node_missing':
      return { code: 'dependency_missing', reason: 'not installed (optional)', fix: install(device) };
    case 'tfjs_node_broken':
    case 'tfjs_node_wrong':
      return { code, reason: shortReason(message), fix: install(device) };
    case undefined:
    default:
      return undefined;
  }
}

const noDeviceFix =
  'look with nvidia-smi whether the driver sees the GPU, and at CUDA_VISIBLE_DEVICES; start a container with the GPU (docker run --gpus all)';

function oldDriver(device: JobDevice, version: string | undefined): DeviceTrouble {
  const driver = version ? `NVIDIA's driver ${version}` : "NVIDIA's driver";
  return { code: 'driver_too_old', reason: `${driver} is too old for this CUDA`, fix: driverFix(device) };
}

/** Errors of CUDA by number, which the engines print each in its own form. */
function cudaTrouble(
  device: JobDevice,
  text: string,
  { nvidiaDriver }: FailedTrial,
): DeviceTrouble | undefined {
  const onnx = /CUDA failure (\d+): (.*?) ; /.exec(text);
  const tensorflow = /call to cuInit: [A-Z ]+\((\d+)\)/.exec(text);
  const number = onnx?.[1] ?? tensorflow?.[1];
  // A driver so old that it lacks a function which the provider calls.
  const isOld = number === '35' || /undefined symbol: cu[A-Z]/.test(text);
  const names: Readonly<Record<string, string>> = {
    100: 'no CUDA-capable device is detected',
    101: 'invalid device ordinal',
    303: 'the driver does not load',
    803: 'the driver in the kernel and its library are of two versions',
    999: 'unknown error',
  };
  const words = `CUDA error ${number}: ${onnx?.[2] ?? names[number ?? ''] ?? 'see the documentation of CUDA'}`;
  if (isOld) return oldDriver(device, nvidiaDriver);
  if (number === undefined) return undefined;
  if (number === '100' || number === '101') {
    return { code: 'device_missing', reason: words, fix: noDeviceFix };
  }
  if (number === '303') return { code: 'driver_missing', reason: words, fix: driverFix(device) };
  if (number === '803') {
    return {
      code: 'driver_too_old',
      reason: words,
      fix: 'restart the machine, so that the new driver is loaded',
    };
  }
  if (number === '2' || number === '46') {
    const fix = 'another program uses the GPU: "nvidia-smi" lists them';
    return { code: 'device_busy', reason: words, fix };
  }
  return { code: 'device_unsuitable', reason: words, fix: fixes[device] };
}

/** A library that the dynamic linker did not find or could not use. */
function libraryTrouble(
  device: JobDevice,
  text: string,
  { installedCuda }: FailedTrial,
): DeviceTrouble | undefined {
  if (device === 'cuda' && /libonnxruntime_providers_\w+\.so: cannot open/.test(text)) {
    const reason = installedCuda
      ? `the libraries of CUDA are there for ONNX Runtime ${installedCuda}, and this program has another version`
      : 'the libraries of CUDA are not installed';
    return { code: 'dependency_missing', reason, fix: 'lowrank doctor --install cuda' };
  }
  const missing = /(lib[\w.+-]+\.so[\w.]*): cannot open shared object file/.exec(text)?.[1];
  if (missing === 'libcuda.so.1') {
    return {
      code: 'driver_missing',
      reason: "NVIDIA's driver is missing (libcuda.so.1)",
      fix: driverFix(device),
    };
  }
  if (missing) {
    return {
      code: 'dependency_missing',
      reason: `the library ${missing} is missing`,
      fix: libraryFix(device),
    };
  }
  const damaged = /(lib[\w.+-]+\.so[\w.]*): (file too short|invalid ELF header)/.exec(text);
  if (damaged) {
    const reason = `the library ${damaged[1]} is damaged (${damaged[2]})`;
    return { code: 'dependency_missing', reason, fix: libraryFix(device) };
  }
  const version = /version [`'‘"]?([A-Z]+_[\d.]+)['’"]? not found/.exec(text)?.[1];
  if (version) {
    const reason = `the system's libraries are too old: ${version} is needed`;
    return {
      code: 'dependency_missing',
      reason,
      fix: 'use a newer Linux: Debian 11, Ubuntu 20.04, RHEL 9 or later',
    };
  }
  return undefined;
}

function libraryFix(device: JobDevice): string {
  if (device === 'cuda' || device === 'tfjs-node' || device === 'tfjs-node-gpu') return install(device);
  return "install the package of the system that holds it; the program needs glibc and libstdc++ (Alpine's musl does not do)";
}

/** TensorFlow does not say why. */
function noTensorflowGpu({ nvidiaDriver = '' }: FailedTrial): DeviceTrouble {
  if (Number.parseInt(nvidiaDriver) < minDriver['tfjs-node-gpu'])
    return oldDriver('tfjs-node-gpu', nvidiaDriver);
  return { code: 'device_missing', reason: 'TensorFlow finds no GPU', fix: noDeviceFix };
}

function noAdapter({ gpus }: FailedTrial): DeviceTrouble {
  if (gpus.length > 0) {
    return {
      code: 'driver_missing',
      reason: `no driver for ${graphics} finds the GPU (${gpus.join(', ')})`,
      fix: fixes.webgpu,
    };
  }
  return {
    code: 'device_missing',
    reason: `no GPU with a driver for ${graphics} is found`,
    fix: `use cpu; if there is a GPU, ${fixes.webgpu}`,
  };
}

/** The error in what Node prints of one that nobody caught. */
function lastError(log: string): string | undefined {
  const lines = log.split('\n').filter((line) => /^\w*Error(?: \[\w+\])?: /.test(line));
  return lines.at(-1)?.replace(/^\w*Error(?: \[\w+\])?: /, '');
}

/** One line, without the place in ONNX Runtime's source, which comes first. */
function shortReason(reason: string): string {
  const line = reason.replaceAll(/\s+/g, ' ').trim();
  return line.replace(/^\/.* was false\. /, '').slice(0, longestReason);
}
