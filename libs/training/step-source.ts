/** What the step functions of a run are made from, and which there are. */
import type { TargetModule } from '#lora/target-modules.js';
import type { ModelFolder } from '#models/model-folder.js';
import type { AdamWOptions } from '#training/adamw-scalars.js';
import type { StepShape } from '#training/step-shape.js';

/** See `StepPrograms`. */
export type StepName = 'train' | 'micro' | 'apply' | 'evaluate';

/** Everything that the step functions are made from. */
export interface StepSource {
  readonly base: ModelFolder;
  readonly modules: readonly TargetModule[];
  readonly dropout: number;
  readonly shape: StepShape;
  readonly optimizer: AdamWOptions;
}

/** The steps that a run needs: one for everything, or two where gradients are accumulated, and evaluation. */
export function stepsOf(accumulation: number, evaluates: boolean): StepName[] {
  const training: StepName[] = accumulation === 1 ? ['train'] : ['micro', 'apply'];
  return evaluates ? [...training, 'evaluate'] : training;
}
