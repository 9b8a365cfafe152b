import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { causalModel } from '#models/abilities.js';
import { parseModelConfig, readModelConfig } from '#models/config.js';
import { buildModel, familyOf } from '#models/families/registry.js';
import { readSafetensorsHeader } from '#models/safetensors.js';
import { everyFamily } from '../../test/families.js';
import type { Linear } from '#nn/layers.js';

const families = fileURLToPath(new URL('../../test/fixtures/families', import.meta.url));

describe('the tree of a configuration has exactly the tensors that transformers saved', () => {
  test.each(everyFamily)('%s', async (name) => {
    const folder = path.join(families, name);
    const model = buildModel(await readModelConfig(folder));
    const files = readdirSync(folder).filter((file) => /^model.*\.safetensors$/.test(file));
    const { otherParts, ignored } = familyOf(model.config).files ?? {};
    const namesOf = (name: string) => familyOf(model.config).files?.namesOf?.(name) ?? [name];
    const known = new Set([...model.parameters()].flatMap(({ name }) => namesOf(name)));
    const isLeft = (name: string) => otherParts?.test(name) || (ignored?.test(name) && !known.has(name));
    const stored = new Map<string, readonly number[]>();
    for (const file of files) {
      const { tensors } = await readSafetensorsHeader(path.join(folder, file));
      tensors.forEach(({ shape }, tensor) => !isLeft(tensor) && stored.set(tensor, shape));
    }
    const inFiles = [...model.parameters()].map(
      ({ name, shape }) => [namesOf(name).find((name) => stored.has(name)), shape] as const,
    );
    expect(new Map(inFiles)).toEqual(stored);
  });
});

test('SmolLM2-135M has the number of parameters that its card says', () => {
  const model = causalModel(
    buildModel(
      parseModelConfig({
        architectures: ['LlamaForCausalLM'],
        hidden_size: 576,
        intermediate_size: 1536,
        num_hidden_layers: 30,
        num_attention_heads: 9,
        num_key_value_heads: 3,
        vocab_size: 49_152,
        tie_word_embeddings: true,
      }),
    ),
  );
  expect(model.parameterCount).toBe(134_515_008);
  expect([...model.parameters()].map(({ name }) => name)).not.toContain('lm_head.weight');
});

test('modules come in the order of the real module tree', () => {
  const tiny = {
    num_hidden_layers: 1,
    hidden_size: 8,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    intermediate_size: 12,
  };
  const model = buildModel(parseModelConfig({ model_type: 'qwen2', vocab_size: 10, ...tiny }));
  const modules = [...model.modules()];
  // `named_modules()` of Qwen2ForCausalLM in transformers 5.23.
  expect(modules.map((module) => module.path)).toEqual([
    '',
    'model',
    'model.embed_tokens',
    'model.layers',
    'model.layers.0',
    'model.layers.0.self_attn',
    'model.layers.0.self_attn.q_proj',
    'model.layers.0.self_attn.k_proj',
    'model.layers.0.self_attn.v_proj',
    'model.layers.0.self_attn.o_proj',
    'model.layers.0.mlp',
    'model.layers.0.mlp.gate_proj',
    'model.layers.0.mlp.up_proj',
    'model.layers.0.mlp.down_proj',
    'model.layers.0.mlp.act_fn',
    'model.layers.0.input_layernorm',
    'model.layers.0.post_attention_layernorm',
    'model.norm',
    'model.rotary_emb',
    'lm_head',
  ]);
  const k = modules.find(({ path }) => path === 'model.layers.0.self_attn.k_proj') as Linear;
  expect(k).toMatchObject({ inFeatures: 8, outFeatures: 4 });
  expect(k.ownParameters).toMatchObject([
    { name: 'model.layers.0.self_attn.k_proj.weight', shape: [4, 8] },
    { name: 'model.layers.0.self_attn.k_proj.bias', shape: [4] },
  ]);
});
