/** OpenAI's three hyperparameters. */
import { z } from 'zod';

const auto = <T extends z.ZodType>(value: T) => z.union([z.literal('auto'), value]);

/** As they may be written; the ranges are those of our own training options. */
export const hyperparameters = z.strictObject({
  batch_size: auto(z.int().min(1).max(256)).optional(),
  /** Of the learning rate that the program would choose. */
  learning_rate_multiplier: auto(z.number().positive().max(1000)).optional(),
  n_epochs: auto(z.number().positive().max(1000)).optional(),
});
export type Hyperparameters = z.output<typeof hyperparameters>;

/** As a job shows them: what was written, or what was chosen for `auto` once that is known. */
export const shownHyperparameters = z.object({
  batch_size: auto(z.number()),
  learning_rate_multiplier: auto(z.number()),
  n_epochs: auto(z.number()),
});
export type ShownHyperparameters = z.output<typeof shownHyperparameters>;

export const supervisedMethod = z.strictObject({
  type: z.literal('supervised'),
  supervised: z.strictObject({ hyperparameters: hyperparameters.optional() }).optional(),
});
