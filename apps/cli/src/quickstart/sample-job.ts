/** The sample job: a small base model that never read the Bible learns to write in its verses. */
import type { JobCreate } from '#contracts/http/job-create.js';

export const prompt = 'And it came to pass';

/** The job on uploaded files. */
export function sampleJob(
  files: { readonly training: string; readonly validation: string },
  seed: number,
): JobCreate {
  return {
    model: 'prose-4m',
    training_file: files.training,
    validation_file: files.validation,
    suffix: 'quickstart',
    seed,
    lora: { r: 16, lora_alpha: 32, target_modules: 'all-linear' },
    training: {
      max_steps: 120,
      batch_size: 8,
      block_length: 256,
      learning_rate: 8e-4,
      lr_scheduler_type: 'cosine',
      warmup_ratio: 0.05,
      eval_steps: 60,
      checkpoint_steps: 60,
      sample_prompts: [prompt],
      sample_steps: null,
      sample_max_tokens: 60,
      sample_temperature: 0.7,
    },
  };
}
