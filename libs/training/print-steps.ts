/** What a job computes, as text for people. */
import { printGraph } from '#jit/print.js';
import { trace } from '#jit/trace.js';
import { optimize } from '#runtime/compile.js';
import type { TrainingEvent } from '#training/events.js';
import { runWeights } from '#training/base-precision/run-weights.js';
import { completeJob, type TrainingJobInput } from '#training/job.js';
import { OutputFolder } from '#training/output-folder.js';
import { planRun } from '#training/plan-run.js';
import { prepareRun } from '#training/prepare-run.js';
import { hasBackwardPass } from '#training/step-graphs.js';
import { createStepPrograms, programOf, type StepName } from '#training/step-programs.js';

/**
 * The graph of every step that a job takes, as it is lowered: after all passes, a node a line. Nothing is trained, and
 * nothing is written but the caches. Throws the errors of `prepareRun` and `planRun`.
 */
export async function printSteps(
  input: TrainingJobInput,
  onEvent: (event: TrainingEvent) => void,
  signal?: AbortSignal,
): Promise<string> {
  const job = completeJob({ ...input, resume: false });
  const run = await prepareRun(job, new OutputFolder(job.outputFolder), { onEvent, now: new Date() }, signal);
  try {
    const weights = await runWeights(job, run, onEvent, signal);
    const { source, steps, chosen } = await planRun(job, run, weights, onEvent);
    const programs = createStepPrograms(source);
    const all: StepName[] = source.objective.reference ? ['reference', ...steps] : [...steps];
    const texts = all.map((name) => {
      const { program, spec } = programOf(programs, name);
      const graph = optimize(trace(program, spec), hasBackwardPass(name) ? chosen.recompute : 0);
      return `## ${name}\n${printGraph(graph)}`;
    });
    return `${texts.join('\n\n')}\n`;
  } finally {
    run.training.close();
    run.validation?.close();
  }
}
