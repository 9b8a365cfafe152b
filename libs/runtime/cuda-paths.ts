/** Where the libraries of CUDA and ONNX Runtime's provider for it lie, and how a process finds them. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export interface CudaPaths {
  readonly folder: string;
  /** Written last: what was installed. */
  readonly record: string;
  /** Every library, side by side. */
  readonly libraries: string;
}

export function cudaPaths(folder: string): CudaPaths {
  return { folder, record: join(folder, 'installed.json'), libraries: join(folder, 'lib') };
}

export interface OnnxRuntimePackage {
  readonly version: string;
  /** The folder of its libraries for this platform. */
  readonly libraries: string;
}

/** The npm package that computes, found without loading it. */
export function onnxRuntimePackage(): OnnxRuntimePackage {
  const file = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return { version, libraries: join(dirname(file), 'bin/napi-v6', process.platform, process.arch) };
}

/** Version of ONNX Runtime that a folder's libraries belong to; undefined if nothing is installed there. */
export function installedCuda(folder: string): string | undefined {
  try {
    const record = JSON.parse(readFileSync(cudaPaths(folder).record, 'utf8')) as { onnxruntime?: string };
    return record.onnxruntime;
  } catch {
    return undefined;
  }
}

/**
 * Environment variables with which a process has to be started to compute on CUDA: the dynamic linker reads its path
 * once. The folder holds ONNX Runtime's main library too, which looks for its provider beside itself. Products are in
 * whole float32, as on every other device, unless NVIDIA_TF32_OVERRIDE is set.
 *
 * Without an installation that fits this program the linker's path stays as it is.
 */
export function cudaEnvironment(
  folder: string,
  environment: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const variables = {
    NVIDIA_TF32_OVERRIDE: environment['NVIDIA_TF32_OVERRIDE'] ?? '0',
    CUDA_CACHE_MAXSIZE: environment['CUDA_CACHE_MAXSIZE'] ?? String(4 * 2 ** 30),
  };
  if (installedCuda(folder) !== onnxRuntimePackage().version) return variables;
  const path = [cudaPaths(folder).libraries, environment['LD_LIBRARY_PATH']].filter(Boolean).join(':');
  return { ...variables, LD_LIBRARY_PATH: path };
}
