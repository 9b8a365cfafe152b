import { z } from 'zod';

/** The options of a run with a value everywhere; `max_steps` is the number of all steps. */
export const chosenOptions = z.object({
  learning_rate: z.number(),
  warmup_steps: z.int(),
  n_epochs: z.number(),
  max_steps: z.int(),
  batch_size: z.int(),
  block_length: z.int(),
  eval_steps: z.int().nullable(),
  sample_steps: z.int().nullable(),
  checkpoint_steps: z.int(),
  load_best_model_at_end: z.boolean(),
  /** Layers that are recomputed. */
  recompute: z.int(),
  memory_limit_bytes: z.number(),
  threads: z.int(),
});
export type ChosenOptions = z.infer<typeof chosenOptions>;
