/** The speed of this machine: measured once for each version of the engine, in a process of its own, and kept in the home. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { writeFileAtomically } from '#base/atomic-file.js';
import { engineDigest } from '#runtime/engine-digest.js';
import { trainingEnvironment } from '#runtime/process-environment.js';
import { machineSpeed, type MachineSpeed } from '#training/speed/speed-points.js';

const longestMs = 120_000;
/** With less of the processors' time to itself a measurement is not kept. */
const minShare = 0.8;

const kept = z.object({ engine: z.string(), processor: z.string(), cores: z.int(), speed: machineSpeed });

/** What a measurement holds for. */
function machine() {
  const processors = cpus();
  return {
    engine: engineDigest(),
    processor: processors[0]?.model ?? 'unknown',
    cores: processors.length,
  };
}

const fileOf = (home: string) => join(home, 'machine-speed.json');

/** What was measured before on this machine, with this engine. */
export async function keptSpeed(home: string): Promise<MachineSpeed | null> {
  const text = await readFile(fileOf(home), 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    const { speed, ...of } = kept.parse(JSON.parse(text));
    return JSON.stringify(of) === JSON.stringify(machine()) ? speed : null;
  } catch {
    // Written by another version, or damaged: it is measured again.
    return null;
  }
}

/**
 * Measures in the built program `main`. The result is kept unless the machine had other things to do, in which case it is
 * good enough until the next start only. Throws if the process fails, and the signal's reason.
 */
export async function measureSpeed(
  home: string,
  { main, signal }: { readonly main: string; readonly signal: AbortSignal },
): Promise<MachineSpeed> {
  const of = machine();
  const { stdout } = await promisify(execFile)(process.execPath, [main, join(home, 'scratch')], {
    env: { ...process.env, ...trainingEnvironment },
    timeout: longestMs,
    killSignal: 'SIGKILL',
    signal,
  });
  const speed = machineSpeed.parse(JSON.parse(stdout.trim().split('\n').at(-1)!));
  if (speed.processorShare >= minShare)
    await writeFileAtomically(fileOf(home), [Buffer.from(JSON.stringify({ ...of, speed }))]);
  return speed;
}
