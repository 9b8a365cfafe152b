/** Makes the step functions of a run; this is what loads TensorFlow.js. */
import { createLoraModel } from '#lora/lora-model.js';
import { frozenWeights } from '#models/frozen-weights.js';
import { type CompiledGraph, compileProgram } from '#runtime/compile.js';
import type { Device } from '#runtime/device.js';
import type { StepName, StepSource } from '#training/step-source.js';
import { type StepPrograms, stepPrograms } from '#training/step-programs.js';

/** The step functions as TensorFlow.js code. */
export function createStepPrograms({ base, modules, dropout, shape, optimizer }: StepSource): StepPrograms {
  const model = createLoraModel(base.config, modules, dropout);
  return stepPrograms(model, frozenWeights(base.parameters), shape, optimizer);
}

/** Traces and compiles one step function. */
export async function compileStep(
  name: StepName,
  source: StepSource,
  options: { readonly device: Device; readonly recomputedBlocks: number; readonly scratchFolder: string },
): Promise<CompiledGraph> {
  const { program, spec } = createStepPrograms(source)[name];
  return compileProgram(program, spec, options, options.scratchFolder);
}
