/** A whole job that takes a second or two: a generated model, a fixture's tokenizer, sums to learn. */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sizeOf } from '#base/shapes.js';
import type { TrainerJobInput } from '#contracts/trainer-job.js';
import { normalAt, streamKey } from '#jit/random.js';
import { parseModelConfig } from '#models/config.js';
import { writeSafetensors } from '#models/safetensors-write.js';
import { buildModel } from '#models/families/registry.js';

const tokenizerFolder = join(import.meta.dirname, '../fixtures/tokenizers/byte-level-llama3');

const modelConfig = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 720,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  tie_word_embeddings: true,
  bos_token_id: 1,
  eos_token_id: 2,
  pad_token_id: 0,
};

/** Writes a model folder with random weights; `sizes` replace some of its configuration. */
export function writeTinyModel(folder: string, sizes: Partial<typeof modelConfig> = {}): Promise<void> {
  return writeRandomModel(folder, { ...modelConfig, ...sizes });
}

/** Writes a model folder with random weights for a configuration whose vocabulary has the 720 tokens of the tokenizer. */
export async function writeRandomModel(folder: string, config: object): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
    await copyFile(join(tokenizerFolder, name), join(folder, name));
  }
  const parameters = [...buildModel(parseModelConfig(config)).parameters()];
  const tensors = parameters.map(({ name, shape }) => {
    const key = streamKey(1, 0, name);
    const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) =>
      shape.length === 1 ? 1 : 0.1 * normalAt(key, i),
    );
    return [name, { shape, data }] as const;
  });
  await writeSafetensors(join(folder, 'model.safetensors'), new Map(tensors));
}

function sums(from: number, to: number): string {
  const rows = Array.from({ length: to - from }, (_, i) => {
    const [a, b] = [from + i, (from + i) % 7];
    return JSON.stringify({
      messages: [
        { role: 'user', content: `What is ${a} plus ${b}?` },
        { role: 'assistant', content: `It is ${a + b}.` },
      ],
    });
  });
  return `${rows.join('\n')}\n`;
}

/** Sums with a right answer, and one that does not know. */
function preferences(from: number, to: number): string {
  const rows = Array.from({ length: to - from }, (_, i) => {
    const [a, b] = [from + i, (from + i) % 7];
    return JSON.stringify({
      input: { messages: [{ role: 'user', content: `What is ${a} plus ${b}?` }] },
      preferred_output: [{ role: 'assistant', content: `It is ${a + b}.` }],
      non_preferred_output: [{ role: 'assistant', content: `Who knows about ${a}?` }],
    });
  });
  return `${rows.join('\n')}\n`;
}

/** Steps of the tiny job. */
export const tinySteps = 20;

/** The bytes of what the tiny job leaves in the folder of its output: the adapter, and AdamW's moments at its end. */
export function tinyResults(output: string): Promise<Buffer[]> {
  const last = `checkpoints/step-${String(tinySteps).padStart(6, '0')}`;
  const files = ['adapter/adapter_model.safetensors', `${last}/optimizer.safetensors`];
  return Promise.all(files.map((file) => readFile(join(output, file))));
}

/** Writes model and data into a folder and yields a job for them, with dropout and accumulation. */
export async function writeTinyJob(folder: string): Promise<TrainerJobInput> {
  await writeTinyModel(join(folder, 'model'));
  await writeFile(join(folder, 'train.jsonl'), sums(0, 50));
  await writeFile(join(folder, 'validation.jsonl'), sums(50, 60));
  return {
    base_model: 'model',
    base_model_name: 'tiny/model',
    training_file: 'train.jsonl',
    validation_file: 'validation.jsonl',
    output_folder: 'out',
    cache_folder: 'cache',
    lora: { r: 4, lora_alpha: 8, lora_dropout: 0.1, target_modules: ['q_proj', 'v_proj'] },
    training: {
      learning_rate: 0.01,
      max_steps: tinySteps,
      gradient_accumulation_steps: 2,
      eval_steps: 4,
      checkpoint_steps: 3,
      seed: 7,
    },
  };
}

/** The same on preferences, without accumulation. */
export async function writeTinyPreferenceJob(folder: string): Promise<TrainerJobInput> {
  const job = await writeTinyJob(folder);
  await writeFile(join(folder, 'train.jsonl'), preferences(0, 50));
  await writeFile(join(folder, 'validation.jsonl'), preferences(50, 60));
  const training = { ...job.training, gradient_accumulation_steps: 1, method: { type: 'dpo' as const } };
  return { ...job, training };
}

export const moodNames = ['angry', 'calm', 'glad'];
const moodWords = [
  ['hate', 'worst'],
  ['fine', 'plain'],
  ['love', 'best'],
];

/** Sentences whose last word tells their mood. */
export function moodSentences(from: number, to: number): { text: string; label: string }[] {
  return Array.from({ length: to - from }, (_, i) => {
    const number = from + i;
    const word = moodWords[number % 3]![Math.floor(number / 3) % 2]!;
    return { text: `Of number ${number} they say ${word}`, label: moodNames[number % 3]! };
  });
}

const sentences = (from: number, to: number) =>
  moodSentences(from, to)
    .map((row) => `${JSON.stringify(row)}\n`)
    .join('');

/** The same on texts with classes: the decoder has no head for them. */
export async function writeTinyClassificationJob(folder: string): Promise<TrainerJobInput> {
  const job = await writeTinyJob(folder);
  await writeFile(join(folder, 'train.jsonl'), sentences(0, 90));
  await writeFile(join(folder, 'validation.jsonl'), sentences(90, 120));
  return {
    ...job,
    training: {
      ...job.training,
      learning_rate: 0.02,
      batch_size: 4,
      block_length: 64,
      gradient_accumulation_steps: 1,
      method: { type: 'classification' as const },
    },
  };
}
