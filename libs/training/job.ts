/** A training job as the library takes it: folders that exist, options that were checked. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { DataForm } from '#data/data-form.js';
import type { ValidationSplit } from '#data/data-form.js';
import { type LoraConfig, parseLoraConfig } from '#lora/config.js';
import type { ChosenOptions } from '#training/chosen-options.js';
import type { TrainingOptions } from '#training/options.js';

export interface TrainingJob {
  /** Folder of the base model. */
  readonly baseModel: string;
  /** What the adapter calls its base model. */
  readonly baseModelName: string;
  /** Digest of the base model's files; a checkpoint of another one is refused. */
  readonly baseIdentity: string;
  /** JSON lines to learn from. */
  readonly trainingFile: string;
  /** JSON lines to measure the loss on, or null. */
  readonly validationFile: string | null;
  /** Null = as the initial adapter has it. */
  /** What is said of these files beside their bytes. */
  readonly trainingForm: DataForm | null;
  readonly validationForm: DataForm | null;
  /** Share or number of the training rows to measure the loss on; null for none. */
  readonly validationSplit: ValidationSplit | null;
  readonly lora: LoraConfig | null;
  readonly options: TrainingOptions;
  /** What an earlier attempt chose, which this one keeps; null for the first. */
  readonly chosen: ChosenOptions | null;
  /** Folder of an adapter to go on training, or null for a new one. */
  readonly initAdapter: string | null;
  /** Takes everything that the run yields. */
  readonly outputFolder: string;
  /** Takes what other runs can use again: compiled steps and prepared data. */
  readonly cacheFolder: string;
  /** Folder of the installations of tfjs-node; those devices alone look into it. */
  readonly tfjsNodeFolder: string;
  /** Whether the machine is the run's alone: idle threads then wait busily, which is faster and unfair to other processes. */
  readonly exclusive: boolean;
  /** Whether to go on from the newest sound checkpoint in the output folder, if there is one. */
  readonly resume: boolean;
}

type Needed = 'baseModel' | 'baseIdentity' | 'trainingFile' | 'lora' | 'options' | 'outputFolder';

/** A job without what has a usual value. */
export type TrainingJobInput = Pick<TrainingJob, Needed> & Partial<TrainingJob>;

/**
 * Fills in the usual values: no validation file, nothing chosen before, a new adapter with PEFT's defaults, a cache in the output folder, tfjs-node in
 * ~/.lowrank, a shared machine, no resuming; the base model is called by its folder.
 */
export function completeJob(input: TrainingJobInput): TrainingJob {
  const { lora, initAdapter = null } = input;
  return {
    baseModelName: input.baseModel,
    validationFile: null,
    trainingForm: null,
    validationForm: null,
    validationSplit: null,
    chosen: null,
    initAdapter: null,
    cacheFolder: join(input.outputFolder, 'cache'),
    tfjsNodeFolder: join(homedir(), '.lowrank/tfjs-node'),
    exclusive: false,
    resume: false,
    ...input,
    lora: lora ?? (initAdapter === null ? parseLoraConfig({}) : null),
  };
}
