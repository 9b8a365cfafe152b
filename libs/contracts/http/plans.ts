/** What a job would come to, told before it is made. */
import { z } from 'zod';
import { rowKinds } from '#data/rows/row.js';
import { examplePiece } from '#training/example-piece.js';
import { runsOnVerdicts } from '#contracts/http/runs-on.js';
import { resolvedOptions } from '#contracts/http/job-options.js';

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

/** A weight of the base model that is trained as it is. */
export const wholeWeight = z
  .object({ name: z.string(), shape: z.array(z.int()) })
  .meta({ id: 'WholeWeight' });

const piece = examplePiece;

export const plannedData = z
  .object({
    /** What the file is: `csv in gzip`, say; and what its rows are. */
    format: z.string().default(''),
    kind: z.enum(rowKinds).optional(),
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
    example: z.array(piece),
    /** The first examples of the file, each up to the length of a block. */
    shown_examples: z.array(
      z.object({
        line: z.int(),
        tokens: z.int(),
        shown_tokens: z.int(),
        /** Its class; null where tokens are learned. */
        label: z.string().nullable().default(null),
        pieces: z.array(piece),
      }),
    ),
    /** Tokens of the examples before anything is cut; `counts[i]` have from i * width + 1 to (i + 1) * width. */
    lengths: z.object({
      min: z.int(),
      median: z.int(),
      p90: z.int(),
      max: z.int(),
      width: z.int(),
      counts: z.array(z.int()),
    }),
  })
  .meta({ id: 'PlannedData' });
export type PlannedData = z.infer<typeof plannedData>;

/** How long a job would take once it runs: a range, and what it was judged by. */
export const plannedTime = z
  .object({
    low_seconds: z.number(),
    high_seconds: z.number(),
    /**
     * `jobs`: the measured steps of earlier jobs on the same base; `machine`: steps of several sizes that its worker measured
     * when it first started; `operations`: their number and a usual processor.
     */
    basis: z.enum(['jobs', 'machine', 'operations']),
    /** Earlier jobs that were looked at; 0 unless the basis is `jobs`. */
    jobs: z.int(),
    /** Floating-point operations of the whole job. */
    operations: z.number(),
    /** Processor cores of the workers' largest machine; for `operations` only. */
    cores: z.int().nullable(),
  })
  .meta({ id: 'PlannedTime' });
export type PlannedTime = z.infer<typeof plannedTime>;

/** A value that was chosen where the options say `auto`. */
export const chosenOption = z.object({ option: z.string(), value: z.unknown(), reason: z.string() });

const loose = z.record(z.string(), z.unknown());

export const planObject = z
  .object({
    object: z.literal('fine_tuning.plan'),
    /** Name of the base model. */
    model: z.string(),
    base_identity: z.string(),
    model_parameters: z.int(),
    /** Bytes of the base model's weights in memory, by what `base_precision` may be. */
    weight_bytes: z.object({ 'as-stored': z.int(), int8: z.int(), int4: z.int() }),
    /** Names of the classes that are learned, as far as the beginning of the file tells; null where tokens are learned. */
    classes: z.array(z.string()).nullable().default(null),
    /** Layers that get a low-rank update. */
    modules: z.array(plannedModule),
    /** Weights that `bias` and `modules_to_save` train. */
    whole_weights: z.array(wholeWeight),
    trainable_parameters: z.int(),
    /** Size of the adapter's weight file. */
    adapter_bytes: z.int(),
    /** PEFT's LoraConfig as it will stand in the adapter. */
    lora: loose,
    /** Training options, every default filled in. */
    training: loose,
    /** What these options come to, with reasons. */
    resolved: resolvedOptions,
    device: z.string(),
    seed: z.int(),
    data: z.object({ training: plannedData, validation: plannedData.nullable() }).nullable(),
    /** What is chosen for `auto`, as far as it does not depend on the worker. */
    choices: z.array(chosenOption).nullable(),
    total_steps: z.int().nullable(),
    steps_per_epoch: z.number().nullable(),
    /** Null where nothing tells: no step is known, or no job ran on such a device and no worker is alive. */
    time: plannedTime.nullable(),
    /** Which programs would load the adapter. */
    runs_on: runsOnVerdicts,
    warnings: z.array(z.object({ code: z.string(), message: z.string() })),
  })
  .meta({ id: 'FineTuningPlan' });
export type PlanObject = z.infer<typeof planObject>;
