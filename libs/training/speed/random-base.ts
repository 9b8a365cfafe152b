/** Models of random weights, for measurements. */
import { sizeOf } from '#base/shapes.js';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bitsAt, streamKey } from '#jit/random.js';
import { parseModelConfig } from '#models/config.js';
import { streamSafetensors } from '#models/safetensors-write.js';
import { buildModel } from '#models/families/registry.js';

const llama = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_act: 'silu',
  max_position_embeddings: 8192,
  rms_norm_eps: 1e-5,
  rope_theta: 100_000,
  tie_word_embeddings: true,
  torch_dtype: 'float32',
  bos_token_id: 1,
  eos_token_id: 2,
};

/** Sizes of a Llama, as its config.json has them. */
export interface LlamaSizes {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_attention_heads: number;
  readonly num_hidden_layers: number;
  readonly num_key_value_heads: number;
  readonly vocab_size: number;
}

export const smolLM2Sizes: LlamaSizes = {
  hidden_size: 576,
  intermediate_size: 1536,
  num_attention_heads: 9,
  num_hidden_layers: 30,
  num_key_value_heads: 3,
  vocab_size: 49_152,
};

/** Numbers around zero with the spread of a trained layer; norms get ones. */
function numbers(name: string, shape: readonly number[]): Float32Array {
  const key = streamKey(0, 0, name);
  const size = sizeOf(shape);
  if (shape.length === 1) return new Float32Array(size).fill(1);
  const spread = Math.sqrt(3 / shape[1]!) / 2 ** 31;
  return Float32Array.from({ length: size }, (_, i) => (bitsAt(key, i) - 2 ** 31) * spread);
}

/** Writes a Llama of these sizes into a folder unless one is there already. */
export async function writeRandomBase(folder: string, sizes: LlamaSizes): Promise<void> {
  const weights = join(folder, 'model.safetensors');
  const exists = await access(weights).then(
    () => true,
    () => false,
  );
  if (exists) return;
  const config = { ...llama, ...sizes };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), `${JSON.stringify(config, null, 1)}\n`);
  const model = buildModel(parseModelConfig(config));
  const tensors = [...model.parameters()].map(({ name, shape }) => {
    const chunks = async function* () {
      yield new Uint8Array(numbers(name, shape).buffer);
    };
    return [name, { dtype: 'F32' as const, shape, chunks }] as const;
  });
  await streamSafetensors(weights, new Map(tensors), { format: 'pt' });
}
