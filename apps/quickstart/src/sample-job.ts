/** The sample job: a small base model that never read the Bible learns to write in its verses. */
import type { TrainerJobInput } from '#contracts/trainer-job.js';

export const prompt = 'And it came to pass';

/** The job with its files at the places given; relative ones are taken from the job file's folder. */
export function sampleJob(places: {
  readonly model: string;
  readonly data: string;
  readonly output: string;
  readonly cache: string;
  readonly seed: number;
}): TrainerJobInput {
  return {
    base_model: places.model,
    base_model_name: 'prose-4m',
    training_file: `${places.data}/train.jsonl`,
    validation_file: `${places.data}/validation.jsonl`,
    lora: { r: 16, lora_alpha: 32, target_modules: 'all-linear' },
    training: {
      max_steps: 120,
      batch_size: 8,
      block_length: 256,
      learning_rate: 8e-4,
      lr_scheduler_type: 'cosine',
      warmup_ratio: 0.05,
      eval_steps: 60,
      seed: places.seed,
      sample_prompts: [prompt],
      sample_steps: null,
      sample_max_tokens: 60,
      sample_temperature: 0.7,
    },
    output_folder: places.output,
    cache_folder: places.cache,
  };
}
