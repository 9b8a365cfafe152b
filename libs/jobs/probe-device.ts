/** Tries a device with a small step in a process of its own. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { z } from 'zod';
import type { JobDevice } from '#jobs/devices.js';
import { deviceTrouble, type DeviceTrouble } from '#jobs/device-trouble.js';
import { cudaEnvironment, installedCuda } from '#runtime/cuda-paths.js';
import { gpusOnBus, nvidiaDriverVersion } from '#runtime/gpu-drivers.js';
import { tfjsNodeEnvironment, trainingEnvironment } from '#runtime/process-environment.js';

export interface DevicePlaces {
  /** LOWRANK_HOME. */
  readonly home: string;
  /** Of the libraries of CUDA. */
  readonly cudaFolder: string;
}

export interface ProbeOptions extends DevicePlaces {
  /** The compiled `apps/worker/src/probe-main.js`. */
  readonly main: string;
  readonly signal?: AbortSignal;
}

export type DeviceAnswer =
  | { readonly ok: true; readonly milliseconds: number; readonly engine: string }
  | ({ readonly ok: false } & DeviceTrouble);

const probeSeconds = 120;

const verdict = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), milliseconds: z.number(), engine: z.string() }),
  z.object({ ok: z.literal(false), reason: z.string(), code: z.string().optional() }),
]);

/** Whether a device works here, and if not, why. Throws the signal's reason only. */
export async function probeDevice(
  device: JobDevice,
  { main, home, cudaFolder, signal }: ProbeOptions,
): Promise<DeviceAnswer> {
  signal?.throwIfAborted();
  const env = {
    ...process.env,
    ...trainingEnvironment,
    ...tfjsNodeEnvironment(),
    // Why TensorFlow leaves a GPU out is a warning to it.
    TF_CPP_MIN_LOG_LEVEL: '1',
    ...(device === 'cuda' ? cudaEnvironment(cudaFolder) : {}),
  };
  const options = { timeout: 1000 * probeSeconds, killSignal: 'SIGKILL', env, signal } as const;
  const { stdout, stderr, end } = await new Promise<{ stdout: string; stderr: string; end?: string }>(
    (resolve) => {
      execFile(
        process.execPath,
        [main, device, join(home, 'tfjs-node')],
        options,
        (error, stdout, stderr) => {
          const end = error?.killed
            ? `it took longer than ${probeSeconds} s`
            : (error?.signal ?? (error ? `exit code ${error.code}` : undefined));
          resolve({ stdout, stderr, end });
        },
      );
    },
  );
  signal?.throwIfAborted();
  const said = lastVerdict(stdout);
  if (said?.ok) return said;
  return {
    ok: false,
    ...deviceTrouble(device, {
      code: said?.code,
      message: said?.reason,
      log: stderr,
      end,
      installedCuda: installedCuda(cudaFolder),
      gpus: gpusOnBus(),
      nvidiaDriver: nvidiaDriverVersion(),
    }),
  };
}

function lastVerdict(output: string): z.infer<typeof verdict> | undefined {
  for (const line of output.split('\n').toReversed()) {
    try {
      return verdict.parse(JSON.parse(line));
    } catch {
      // An engine's own words.
    }
  }
  return undefined;
}
