/** A model of random weights in the shapes of SmolLM2-135M, for machines that have no real one at hand. */
import { sizeOf } from '#base/shapes.js';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bitsAt, streamKey } from '#jit/random.js';
import { parseModelConfig } from '#models/config.js';
import { streamSafetensors } from '#models/safetensors-write.js';
import { buildModel } from '#models/families/registry.js';

const config = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_act: 'silu',
  hidden_size: 576,
  intermediate_size: 1536,
  max_position_embeddings: 8192,
  num_attention_heads: 9,
  num_hidden_layers: 30,
  num_key_value_heads: 3,
  rms_norm_eps: 1e-5,
  rope_theta: 100_000,
  tie_word_embeddings: true,
  torch_dtype: 'float32',
  vocab_size: 49_152,
  bos_token_id: 1,
  eos_token_id: 2,
};

/** Numbers around zero with the spread of a trained layer; norms get ones. */
function numbers(name: string, shape: readonly number[]): Float32Array {
  const key = streamKey(0, 0, name);
  const size = sizeOf(shape);
  if (shape.length === 1) return new Float32Array(size).fill(1);
  const spread = Math.sqrt(3 / shape[1]!) / 2 ** 31;
  return Float32Array.from({ length: size }, (_, i) => (bitsAt(key, i) - 2 ** 31) * spread);
}

/** Writes the model into a folder unless it is there already. */
export async function writeRandomModel(folder: string): Promise<void> {
  const weights = join(folder, 'model.safetensors');
  const exists = await access(weights).then(
    () => true,
    () => false,
  );
  if (exists) return;
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
