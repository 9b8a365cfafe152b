/** Opens what carries out the step functions of a run: ONNX Runtime, or TensorFlow.js itself. */
import { join } from 'node:path';
import { isEagerDevice } from '#runtime/device.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import type { InitialState, Runner } from '#runtime/runner.js';
import { createEagerRunner, openEagerBackend } from '#training/eager-steps.js';
import type { TrainingJob } from '#training/job.js';
import type { RunPlan } from '#training/plan-run.js';
import type { PreparedRun } from '#training/prepare-run.js';
import type { StepName } from '#training/step-programs.js';

/** The TensorFlow.js backend of a job, opened; undefined where ONNX Runtime computes. Throws as `openEagerBackend`. */
export async function eagerBackend({ options, tfjsNodeFolder }: TrainingJob): Promise<string | undefined> {
  if (!isEagerDevice(options.device)) return undefined;
  return openEagerBackend(options.device, tfjsNodeFolder);
}

/** What takes the steps of a run, from where it stands. */
export function openStepRunner(
  job: TrainingJob,
  run: PreparedRun,
  plan: RunPlan,
  backend: string | undefined,
): Runner {
  const initial = {
    ...run.vectors,
    ...(plan.steps.includes('optimizerStep') ? { accumulator: new Float32Array(run.layout.size) } : {}),
  };
  return openRunner(job, plan, plan.steps, initial, backend);
}

/** What runs some steps over a state. */
export function openRunner(
  job: TrainingJob,
  plan: RunPlan,
  steps: readonly StepName[],
  initial: InitialState,
  backend: string | undefined,
): Runner {
  const { graphs, chosen } = plan;
  const { device } = job.options;
  if (!graphs || isEagerDevice(device)) {
    return createEagerRunner(plan.source, initial, backend!);
  }
  const programs = steps.map((name) => [name, graphs.program(name, chosen.recompute)] as const);
  return new CompiledRunner(Object.fromEntries(programs), initial, {
    device,
    threads: chosen.threads,
    spin: job.exclusive,
    cacheFolder: join(job.cacheFolder, 'graphs'),
  });
}
