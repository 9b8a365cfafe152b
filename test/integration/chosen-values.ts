/** What a first attempt decides, for tests. */
import type { ChosenOptions } from '#training/chosen-options.js';

export const chosenValues: ChosenOptions = {
  learning_rate: 0.001,
  warmup_steps: 1,
  n_epochs: 5,
  max_steps: 100,
  batch_size: 4,
  block_length: 64,
  eval_steps: null,
  sample_steps: null,
  checkpoint_steps: 10,
  load_best_model_at_end: false,
  recompute: 0,
  memory_limit_bytes: 1e9,
  threads: 2,
};
