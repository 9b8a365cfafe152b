/** What a job was asked to be, and what that means. */
import { z } from 'zod';

const loose = z.record(z.string(), z.unknown());

export const requestedOptions = z
  .object({
    /** Training options as they were written. */
    training: loose,
    /** PEFT's LoraConfig as it was written; null for the defaults. */
    lora: loose.nullable(),
    device: z.string(),
    /** Null where nothing was said. */
    seed: z.int().nullable(),
    learning_rate_multiplier: z.number().nullable(),
  })
  .meta({ id: 'RequestedOptions' });
export type RequestedObject = z.infer<typeof requestedOptions>;

export const resolvedOptions = z
  .object({
    /** Every training option with its value; null is no value, or what the first worker is still to decide. */
    training: loose,
    /** PEFT's LoraConfig as it stands in the adapter; null where only the initial adapter of an older job tells. */
    lora: loose.nullable(),
    /** Null until a worker has taken the job. */
    device: z.string().nullable(),
    seed: z.int(),
    /** Why each option has its value; LoRA's are called `lora.r` and so on. */
    reasons: z.array(
      z.object({
        option: z.string(),
        value: z.unknown(),
        reason: z.string(),
        /**
         * `request`: asked for. `default`: nothing was said. `rule`: chosen for the model and the data. `adapter`: as the
         * initial adapter has it. `machine`: decided by the worker that takes the job first.
         */
        source: z.enum(['request', 'default', 'rule', 'adapter', 'machine']),
      }),
    ),
  })
  .meta({ id: 'ResolvedOptions' });
export type ResolvedObject = z.infer<typeof resolvedOptions>;
