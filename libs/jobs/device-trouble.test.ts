import { expect, test } from 'vitest';
import type { JobDevice } from '#jobs/devices.js';
import { deviceTrouble, type FailedTrial } from './device-trouble.js';

const trial = (facts: Partial<FailedTrial>): FailedTrial => ({ log: '', gpus: [], ...facts });

/** As ONNX Runtime 1.30 writes it. */
const cudaFailure = (number: number, words: string) =>
  `/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:154 std::conditional_t<THRW, void> onnxruntime::CudaCall(ERRTYPE, const char*) CUDA failure ${number}: ${words} ; GPU=-1 ; hostname=box ; file=/onnxruntime_src/cuda_execution_provider.cc ; line=352 ; expr=cudaSetDevice(info_.device_id);`;
const notLoaded = 'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library';
const loading = (what: string) =>
  `[E:onnxruntime:onnxruntime-node, provider_bridge_ort.cc:2146 Create] [ONNXRuntimeError] : 1 : FAIL : Failed to load library /home/cuda/lib/libonnxruntime_providers_cuda.so with error: ${what}`;
const cuInit = (number: number) =>
  `E0000 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR (${number})`;

test.each<[JobDevice, Partial<FailedTrial>, string, RegExp, RegExp]>([
  [
    'cuda',
    { message: cudaFailure(100, 'no CUDA-capable device is detected') },
    'device_missing',
    /^CUDA error 100: no CUDA-capable device is detected$/,
    /nvidia-smi/,
  ],
  [
    'cuda',
    { message: cudaFailure(35, 'CUDA driver version is insufficient'), nvidiaDriver: '535.104.05' },
    'driver_too_old',
    /^NVIDIA's driver 535\.104\.05 is too old/,
    /580 or newer/,
  ],
  [
    'cuda',
    {
      message: notLoaded,
      log: loading('/x/libonnxruntime_providers_cuda.so: undefined symbol: cuTensorMapEncodeTiled'),
    },
    'driver_too_old',
    /too old/,
    /580 or newer/,
  ],
  ['cuda', { message: cudaFailure(803, 'system has unsupported') }, 'driver_too_old', /803/, /restart/],
  ['cuda', { message: cudaFailure(46, 'busy or unavailable') }, 'device_busy', /46: busy/, /another program/],
  [
    'cuda',
    { message: cudaFailure(209, 'no kernel image is available') },
    'device_unsuitable',
    /^CUDA error 209: no kernel image/,
    /nvidia-smi/,
  ],
  [
    'cuda',
    {
      message: notLoaded,
      log: loading('libcurand.so.10: cannot open shared object file: No such file or directory'),
    },
    'dependency_missing',
    /^the library libcurand\.so\.10 is missing$/,
    /--install cuda$/,
  ],
  [
    'cuda',
    { message: notLoaded, log: loading('/x/lib/libcurand.so.10: file too short') },
    'dependency_missing',
    /^the library libcurand\.so\.10 is damaged \(file too short\)$/,
    /--install cuda$/,
  ],
  [
    'cuda',
    { message: notLoaded, log: loading('libcuda.so.1: cannot open shared object file: No such file') },
    'driver_missing',
    /libcuda\.so\.1/,
    /580 or newer/,
  ],
  [
    'cuda',
    {
      message: notLoaded,
      log: loading('/x/libonnxruntime_providers_shared.so: cannot open shared object file'),
    },
    'dependency_missing',
    /^the libraries of CUDA are not installed$/,
    /--install cuda$/,
  ],
  [
    'cuda',
    {
      message: notLoaded,
      log: loading('/x/libonnxruntime_providers_shared.so: cannot open shared object file'),
      installedCuda: '1.29.0',
    },
    'dependency_missing',
    /ONNX Runtime 1\.29\.0, and this program has another version$/,
    /--install cuda$/,
  ],
  [
    'cuda',
    { code: 'driver_missing', message: 'the driver of the NVIDIA GPU is missing (libcuda.so.1)' },
    'driver_missing',
    /libcuda\.so\.1/,
    /580 or newer.*--gpus all/,
  ],
  [
    'cuda',
    { code: 'device_missing', message: 'this machine has no NVIDIA GPU' },
    'device_missing',
    /no NVIDIA/,
    /use cpu/,
  ],
  [
    'tfjs-node-gpu',
    { code: 'tfjs_node_no_gpu', message: 'TensorFlow finds no GPU', log: cuInit(100) },
    'device_missing',
    /^CUDA error 100: no CUDA-capable device is detected$/,
    /nvidia-smi/,
  ],
  ['tfjs-node-gpu', { code: 'tfjs_node_no_gpu', log: cuInit(303) }, 'driver_missing', /303/, /525 or newer/],
  [
    'tfjs-node-gpu',
    { code: 'tfjs_node_no_gpu' },
    'device_missing',
    /^TensorFlow finds no GPU$/,
    /nvidia-smi/,
  ],
  [
    'tfjs-node-gpu',
    { code: 'tfjs_node_no_gpu', nvidiaDriver: '470.223.02' },
    'driver_too_old',
    /470\.223\.02 is too old/,
    /525 or newer/,
  ],
  [
    'tfjs-node-gpu',
    { code: 'tfjs_node_missing' },
    'dependency_missing',
    /not installed/,
    /--install tfjs-node-gpu$/,
  ],
  [
    'tfjs-node',
    { code: 'tfjs_node_broken', message: 'tfjs-node in /x does not load' },
    'tfjs_node_broken',
    /does not load/,
    /--install tfjs-node$/,
  ],
  [
    'webgpu',
    { message: 'Failed to get a WebGPU adapter: No supported adapters' },
    'device_missing',
    /^no GPU with a driver/,
    /^use cpu/,
  ],
  [
    'webgpu',
    { message: 'Failed to get a WebGPU adapter: No supported adapters', gpus: ['amd'] },
    'driver_missing',
    /finds the GPU \(amd\)$/,
    /^install the newest driver/,
  ],
  [
    'webgpu',
    { code: 'dependency_missing', message: "Vulkan's loader is missing (libvulkan.so.1: cannot open)" },
    'dependency_missing',
    /libvulkan\.so\.1/,
    /libvulkan1/,
  ],
  [
    'cpu',
    {
      log: "node:internal\nError: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.28' not found (required by x)",
    },
    'dependency_missing',
    /GLIBC_2\.28 is needed/,
    /newer Linux/,
  ],
  [
    'cpu',
    { log: 'Error: libstdc++.so.6: cannot open shared object file: No such file or directory' },
    'dependency_missing',
    /^the library libstdc\+\+\.so\.6 is missing$/,
    /Alpine/,
  ],
  [
    'cpu',
    { log: '\nError: Cannot find module x\n    at y' },
    'device_unsuitable',
    /^Cannot find module x$/,
    /npm ci/,
  ],
  ['cpu', { end: 'SIGILL' }, 'device_unsuitable', /^its trial ended \(SIGILL\)$/, /npm ci/],
])('%s: %o is %s', (device, facts, code, reason, fix) => {
  expect(deviceTrouble(device, trial(facts))).toEqual({
    code,
    reason: expect.stringMatching(reason) as unknown,
    fix: expect.stringMatching(fix) as unknown,
  });
});
