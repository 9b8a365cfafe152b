/** The options of a training run: their names, ranges and defaults, in one place. */
import { z } from 'zod';
import { capabilitiesOf } from '#runtime/capabilities.js';
import { devices, eagerDevices, isEagerDevice } from '#runtime/device.js';
import { type FieldGuide, type Findings, findProblems, throwFindings } from '#base/field-problems.js';
import { anyValue, boundedArray } from '#base/bounded-schemas.js';
import { defaultMethod, declarations, method } from '#training/objectives/declared/registry.js';
import {
  type BasePrecision,
  basePrecisions,
  defaultPrecision,
  precisionDeclaration,
} from '#training/base-precision/declared.js';
import { scheduleKinds } from '#training/schedule.js';

/** Where a run computes: ONNX Runtime's CPU, WebGPU or CUDA, or TensorFlow.js operation by operation. */
export const trainingDevices = [...devices, ...eagerDevices] as const;
export type TrainingDevice = (typeof trainingDevices)[number];

/** Whether a device has the kernels that a precision needs. */
function serves(device: TrainingDevice, precision: BasePrecision): boolean {
  const { needs } = precisionDeclaration(precision);
  return needs === null || (!isEagerDevice(device) && Boolean(capabilitiesOf[device][needs]));
}

/** The device of a job: where any will do, the one that has the kernels for a precision. */
export function deviceFor<D extends string>(precision: BasePrecision, asked: D): D | 'auto' | TrainingDevice {
  if (asked !== 'auto' || precision === defaultPrecision) return asked;
  return trainingDevices.find((device) => serves(device, precision))!;
}

const auto = <T extends z.ZodType>(value: T) => z.union([z.literal('auto'), value]);
const count = z.int().positive();
export const maxLearningRate = 1;

/** What the bodies of jobs have room for; longer prompts than a model reads are refused later, with its limit. */
const text = z.string().max(1_048_576);
/** Templates of chats may read further fields. */
const message = z.object({ role: z.string().min(1).max(100), content: text }).catchall(anyValue(65_536));

/** A prompt that the model answers while it is trained: plain text to continue, or chat messages to answer. */
export const samplePrompt = z.union([text.min(1), boundedArray(message, { min: 1, max: 256 })]);
export type SamplePrompt = z.output<typeof samplePrompt>;

/** Places of the smallest block. */
export const shortestBlock = 8;

const fields = {
  /** What is learned: `{"type": ...}` with the options of that objective; default `{"type": "supervised"}`. */
  method: method.default(defaultMethod),
  /** Peak learning rate; default 'auto'. */
  learning_rate: auto(z.number().positive().max(maxLearningRate)).default('auto'),
  /** Course of the learning rate after warm-up; default 'linear', down to 0 at the last step. */
  lr_scheduler_type: z.enum(scheduleKinds).default('linear'),
  /** Steps over which the learning rate rises from 0; default 'auto'. */
  warmup_steps: auto(z.int().nonnegative()).default('auto'),
  /** Warm-up as a share of all steps, instead of `warmup_steps`; default null. */
  warmup_ratio: z.number().min(0).max(1).nullable().default(null),
  /** Decoupled weight decay; default 0. */
  weight_decay: z.number().min(0).max(10).default(0),
  /** Decay of AdamW's first moment; default 0.9. */
  adam_beta1: z.number().min(0).lt(1).default(0.9),
  /** Decay of AdamW's second moment; default 0.999. */
  adam_beta2: z.number().min(0).lt(1).default(0.999),
  /** Added to AdamW's denominator; default 1e-8. */
  adam_epsilon: z.number().positive().max(1).default(1e-8),
  /** Largest norm of the whole gradient, null for no limit; default 1. */
  max_grad_norm: z.number().positive().nullable().default(1),
  /** LoRA+: learning rate of B over that of A, null for one rate; default null. */
  loraplus_lr_ratio: z.number().min(1).max(10_000).nullable().default(null),
  /** LoRA+: peak learning rate of factors on embeddings; default null, 1e-6. */
  loraplus_lr_embedding: z.number().positive().max(maxLearningRate).nullable().default(null),
  /** Passes over the training data, fractions allowed; default 'auto'. */
  n_epochs: auto(z.number().positive().max(1000)).default('auto'),
  /** Optimizer steps, instead of `n_epochs`; default null. */
  max_steps: count.max(10_000_000).nullable().default(null),
  /** Blocks in a micro-batch; default 'auto'. */
  batch_size: auto(count.max(256)).default('auto'),
  /** Micro-batches in an optimizer step; default 1. */
  gradient_accumulation_steps: count.max(1024).default(1),
  /** Tokens in a block, the longest example that is not cut; default 'auto'. */
  block_length: auto(z.int().min(shortestBlock)).default('auto'),
  /** Whether several examples share a block, without seeing each other; default true. */
  packing: z.boolean().default(true),
  /** Of the order of the data, of dropout and of new adapters, 0 to 2^53 - 1; default 42. */
  seed: z.int().nonnegative().default(42),
  /** Steps between evaluations, null for those at the start and the end only; default 'auto'. */
  eval_steps: auto(count).nullable().default('auto'),
  /** Prompts that the model answers now and then, 16 at most; default none. */
  sample_prompts: boundedArray(samplePrompt, { max: 16 }).default([]),
  /** Steps between sample answers, null for those at the start and the end only; default 'auto'. */
  sample_steps: auto(count).nullable().default('auto'),
  /** Longest sample answer in tokens; default 64. */
  sample_max_tokens: count.max(4096).default(64),
  /** Randomness of sample answers, 0 = always the likeliest token; default 0. */
  sample_temperature: z.number().min(0).max(2).default(0),
  /** Steps between checkpoints; default 'auto'. There is always one at the end. */
  checkpoint_steps: auto(count).default('auto'),
  /** Newest checkpoints that are kept, beside the best by validation loss; default 2. */
  keep_checkpoints: count.max(1000).default(2),
  /** Whether the result is the checkpoint with the least validation loss and not the last; default 'auto'. */
  load_best_model_at_end: auto(z.boolean()).default('auto'),
  /** Layers that compute their activations again in the backward pass to save memory; true = all; default 'auto'. */
  recompute: auto(z.union([z.boolean(), z.int().nonnegative()])).default('auto'),
  /** Memory that the process may take in all; default 'auto'. */
  memory_limit_bytes: auto(count).default('auto'),
  /**
   * In what numbers the frozen base model computes: as its files have it, or in int8 or int4, which are made from them;
   * default 'as-stored'.
   */
  base_precision: z.enum(basePrecisions).default(defaultPrecision),
  /** Default 'cpu'. */
  device: z.enum(trainingDevices).default('cpu'),
  /** Threads of the CPU; default 'auto'. */
  threads: auto(count.max(1024)).default('auto'),
};

const guide: FieldGuide = {
  fixes: {
    method: `give {"type": ${declarations.map(({ type }) => `"${type}"`).join(' or ')}} with its options`,
    learning_rate: 'give a number above 0 and at most 1, such as 2e-4, or "auto"',
    lr_scheduler_type: `give one of ${scheduleKinds.join(', ')}`,
    warmup_steps: 'give a whole number of 0 or more, or "auto"',
    warmup_ratio: 'give a number from 0 to 1, or null',
    weight_decay: 'give a number from 0 to 10; 0 and 0.01 are usual',
    adam_beta1: 'give a number from 0 up to but not 1; 0.9 is usual',
    adam_beta2: 'give a number from 0 up to but not 1; 0.999 is usual',
    adam_epsilon: 'give a number above 0; 1e-8 is usual',
    max_grad_norm: 'give a number above 0, or null for no limit',
    loraplus_lr_ratio: 'give a number from 1 to 10000, or null; 16 is usual',
    loraplus_lr_embedding: 'give a number above 0 and at most 1, or null for 1e-6',
    n_epochs: 'give a number above 0 and at most 1000, or "auto"',
    max_steps: 'give a whole number of 1 or more, or null',
    batch_size: 'give a whole number from 1 to 256, or "auto"',
    gradient_accumulation_steps: 'give a whole number from 1 to 1024',
    block_length: 'give a whole number of 8 or more, up to the context length of the model, or "auto"',
    packing: 'give true or false',
    seed: 'give a whole number from 0 to 9007199254740991',
    eval_steps: 'give a whole number of 1 or more, "auto", or null',
    sample_prompts: 'give a list of at most 16 texts or lists of messages {"role", "content"}',
    sample_steps: 'give a whole number of 1 or more, "auto", or null',
    sample_max_tokens: 'give a whole number from 1 to 4096',
    sample_temperature: 'give a number from 0 to 2',
    checkpoint_steps: 'give a whole number of 1 or more, or "auto"',
    keep_checkpoints: 'give a whole number from 1 to 1000',
    load_best_model_at_end: 'give true, false or "auto"',
    recompute: 'give true, false, a number of layers, or "auto"',
    memory_limit_bytes: 'give a whole number of bytes, or "auto"',
    device: `give one of ${trainingDevices.join(', ')}`,
    threads: 'give a whole number from 1 to 1024, or "auto"',
    base_precision: `give one of ${basePrecisions.join(', ')}; "auto" is not there yet`,
  },
  aliases: {
    lr: 'learning_rate',
    lr_scheduler: 'lr_scheduler_type',
    num_train_epochs: 'n_epochs',
    epochs: 'n_epochs',
    num_epochs: 'n_epochs',
    steps: 'max_steps',
    per_device_train_batch_size: 'batch_size',
    micro_batch_size: 'batch_size',
    train_batch_size: 'batch_size',
    save_steps: 'checkpoint_steps',
    save_total_limit: 'keep_checkpoints',
    max_length: 'block_length',
    max_seq_length: 'block_length',
    sequence_len: 'block_length',
    sample_packing: 'packing',
    gradient_checkpointing: 'recompute',
    data_seed: 'seed',
    lora_dropout: 'lora_dropout into the lora configuration',
    early_stopping_patience: 'load_best_model_at_end, which keeps the best checkpoint of the whole run',
  },
  unsupported: [
    'adafactor',
    'auto_find_batch_size',
    'bf16',
    'deepspeed',
    'fp16',
    'fsdp',
    'group_by_length',
    'label_smoothing_factor',
    'learning_rate_multiplier',
    'neftune_noise_alpha',
    'optim',
    'optim_args',
    'optim_target_modules',
    'tf32',
    'torch_compile',
  ],
};

// The rules between fields run even if a field is wrong by itself, so that one answer names everything.
const always = { when: ({ value }: { value: unknown }) => typeof value === 'object' && value !== null };
const rule = (field: string, error: string, fix: string) => ({
  path: [field],
  error,
  params: { fix },
  ...always,
});
const isSet = (value: unknown) => value !== undefined && value !== null && value !== 'auto';

/** The options as a person may write them; everything may be left out. `parseTrainingOptions` gives typed errors. */
export const trainingOptionsSchema = z
  .strictObject(fields)
  .refine(
    ({ n_epochs, max_steps }) => !(isSet(n_epochs) && isSet(max_steps)),
    rule('max_steps', 'contradicts n_epochs: both say how long to train', 'give one of them'),
  )
  .refine(
    ({ warmup_steps, warmup_ratio }) => !(isSet(warmup_steps) && isSet(warmup_ratio)),
    rule('warmup_ratio', 'contradicts warmup_steps: both say how long to warm up', 'give one of them'),
  )
  .refine(
    ({ warmup_steps, max_steps }) =>
      typeof warmup_steps !== 'number' || typeof max_steps !== 'number' || warmup_steps <= max_steps,
    rule('warmup_steps', 'is larger than max_steps', 'give a smaller number'),
  )
  .refine(
    ({ loraplus_lr_ratio, loraplus_lr_embedding }) =>
      !isSet(loraplus_lr_embedding) || isSet(loraplus_lr_ratio),
    rule(
      'loraplus_lr_embedding',
      'has no effect without loraplus_lr_ratio',
      'give loraplus_lr_ratio too, or neither',
    ),
  )
  .refine(
    ({ device, recompute }) => !isEagerDevice(device) || recompute === 'auto' || recompute === false,
    rule(
      'recompute',
      `cannot be done on the devices ${eagerDevices.join(', ')}`,
      'leave it out, or choose another device',
    ),
  )
  .refine(
    // A value that is none of the precisions is told of by its field.
    ({ device, base_precision }) =>
      !basePrecisions.includes(base_precision) ||
      !trainingDevices.includes(device) ||
      serves(device, base_precision),
    {
      path: ['base_precision'],
      error: ({ input }) => {
        const { base_precision: precision } = input as { base_precision: BasePrecision };
        const without = trainingDevices.filter((device) => !serves(device, precision));
        return `is ${precision}, which has no kernels on the devices ${without.join(', ')}`;
      },
      params: { fix: 'give as-stored, or choose another device' },
      ...always,
    },
  );

/** The options of a run, every default filled in; 'auto' still stands where the program is to choose. */
export type TrainingOptions = z.output<typeof trainingOptionsSchema>;
export type TrainingOptionsInput = z.input<typeof trainingOptionsSchema>;

/** Options that were parsed before, as another process is given them: none is missing, and none is filled in. */
export const parsedTrainingOptions = z.strictObject(
  Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.unwrap()])),
) as unknown as z.ZodType<TrainingOptions>;

/** Every problem of options that a person wrote, or the options. */
export function checkTrainingOptions(
  input: unknown,
): { readonly options: TrainingOptions } | { readonly findings: Findings } {
  const parsed = trainingOptionsSchema.safeParse(input);
  if (parsed.success) return { options: parsed.data };
  return { findings: findProblems(parsed.error, input, guide) };
}

/**
 * Checks options that a person wrote.
 *
 * Throws OptionsError `training_options_invalid` with every problem, or UnsupportedError if nothing is wrong but
 * options are named that other programs have and this one does not do.
 */
export function parseTrainingOptions(input: unknown): TrainingOptions {
  const checked = checkTrainingOptions(input);
  if ('options' in checked) return checked.options;
  throwFindings('training_options_invalid', 'the training options', checked.findings);
}
