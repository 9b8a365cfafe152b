/** What a job would come to, told before it is made. */
import { z } from 'zod';

export const plannedModule = z
  .object({
    path: z.string(),
    /** [out, in] of the frozen weight. */
    shape: z.tuple([z.int(), z.int()]),
    r: z.int(),
    /** By which B A x is multiplied. */
    scale: z.number(),
    parameters: z.int(),
  })
  .meta({ id: 'PlannedModule' });

export const plannedData = z
  .object({
    examples: z.int(),
    tokens: z.int(),
    /** Tokens that are learned. */
    trained_tokens: z.int(),
    blocks: z.int(),
    block_length: z.int(),
    truncated_examples: z.int(),
    dropped_examples: z.int(),
    /** Whether the file is so long that only its beginning was counted. */
    estimated: z.boolean(),
    /** The first example as the model reads it, in pieces; trained pieces are what it learns to write. */
    example: z.array(z.object({ text: z.string(), trained: z.boolean() })),
  })
  .meta({ id: 'PlannedData' });
export type PlannedData = z.infer<typeof plannedData>;

const loose = z.record(z.string(), z.unknown());

export const planObject = z
  .object({
    object: z.literal('fine_tuning.plan'),
    /** Name of the base model. */
    model: z.string(),
    base_identity: z.string(),
    model_parameters: z.int(),
    modules: z.array(plannedModule),
    trainable_parameters: z.int(),
    /** Size of the adapter's weight file. */
    adapter_bytes: z.int(),
    /** PEFT's LoraConfig as it will stand in the adapter. */
    lora: loose,
    /** Training options, every default filled in. */
    training: loose,
    device: z.string(),
    seed: z.int(),
    data: z.object({ training: plannedData, validation: plannedData.nullable() }).nullable(),
    /** What is chosen for `auto`, as far as it does not depend on the worker. */
    choices: z.array(z.object({ option: z.string(), value: z.unknown(), reason: z.string() })).nullable(),
    total_steps: z.int().nullable(),
    steps_per_epoch: z.number().nullable(),
    warnings: z.array(z.object({ code: z.string(), message: z.string() })),
  })
  .meta({ id: 'FineTuningPlan' });
export type PlanObject = z.infer<typeof planObject>;
