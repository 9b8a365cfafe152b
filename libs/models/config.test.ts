import { readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { causalModel } from '#models/abilities.js';
import { parseModelConfig, readModelConfig } from '#models/config.js';
import { buildModel } from '#models/families/registry.js';
import { everyFamily, familyNames } from '../../test/families.js';

const families = fileURLToPath(new URL('../../test/fixtures/families', import.meta.url));

const treeOf = (json: unknown) => causalModel(buildModel(parseModelConfig(json)));
const windowsOf = (json: unknown) => treeOf(json).attentions.map(({ window }) => window);

let scratch: string;
beforeAll(async () => void (scratch = await mkdtemp(path.join(tmpdir(), 'config-'))));
afterAll(() => rm(scratch, { recursive: true }));

describe('every family of the fixtures is either read or refused by name', () => {
  const names = readdirSync(families);

  test.each(everyFamily.filter((name) => !familyNames.includes(name)))('%s is read', async (name) => {
    const config = await readModelConfig(path.join(families, name));
    expect(config).toMatchObject({ labels: ['LABEL_0', 'LABEL_1', 'LABEL_2'] });
  });

  test.each(familyNames)('%s is read, every layer of it', async (name) => {
    const config = await readModelConfig(path.join(families, name));
    const { attentions, states } = causalModel(buildModel(config));
    const stateful = states.map(({ path }) => Number(/layers\.(\d+)\./.exec(path)![1]));
    const layers = new Set([...attentions.map(({ layer }) => layer), ...stateful]);
    expect([...layers].toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: config.layers }, (_, layer) => layer),
    );
  });

  test.each(names.filter((name) => !everyFamily.includes(name)))('%s is refused', async (name) => {
    await expect(readModelConfig(path.join(families, name))).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(
        /architecture "\w+" is not supported; known architectures: LlamaForCausalLM, MistralForCausalLM, /,
      ),
    });
  });
});

describe('silent files get the defaults of the configuration classes of transformers', () => {
  test('llama', () => {
    expect(parseModelConfig({ architectures: ['LlamaForCausalLM'] })).toEqual({
      architecture: 'LlamaForCausalLM',
      modelType: 'llama',
      hiddenSize: 4096,
      intermediateSize: 11_008,
      layers: 32,
      heads: 32,
      kvHeads: 32,
      headDim: 128,
      vocabSize: 32_000,
      maxPositionEmbeddings: 2048,
      rmsNormEps: 1e-6,
      attentionBias: false,
      mlpBias: false,
      tieWordEmbeddings: false,
      wrapper: null,
      activation: 'silu',
      rope: { theta: 10_000, scaling: { type: 'default' } },
      rotarySize: 128,
      warnings: [],
      bosTokenId: 1,
      eosTokenIds: [2],
      padTokenId: null,
    });
  });

  test('mistral has eight key heads and a window on every layer', () => {
    expect(parseModelConfig({ model_type: 'mistral' })).toMatchObject({
      kvHeads: 8,
      intermediateSize: 14_336,
      maxPositionEmbeddings: 131_072,
    });
    expect(new Set(windowsOf({ model_type: 'mistral' }))).toEqual(new Set([4096]));
    expect(new Set(windowsOf({ model_type: 'mistral', sliding_window: null }))).toEqual(new Set([null]));
  });

  test('qwen2 has biases on q, k and v, no tokens of its own and no window', () => {
    expect(parseModelConfig({ model_type: 'qwen2' })).toMatchObject({
      vocabSize: 151_936,
      kvHeads: 32,
      bosTokenId: null,
      eosTokenIds: [],
    });
    expect(new Set(windowsOf({ model_type: 'qwen2' }))).toEqual(new Set([null]));
  });

  test('mistral3 without a text model has that of Mistral Small 3.1, with one the defaults of mistral', () => {
    for (const text_config of [undefined, null]) {
      expect(parseModelConfig({ model_type: 'mistral3', text_config })).toMatchObject({
        hiddenSize: 5120,
        layers: 40,
        headDim: 128,
        vocabSize: 131_072,
        rmsNormEps: 1e-5,
        rope: { theta: 1e9 },
        slidingWindow: null,
        tieWordEmbeddings: true,
      });
    }
    expect(parseModelConfig({ model_type: 'mistral3', text_config: { hidden_size: 64 } })).toMatchObject({
      hiddenSize: 64,
      layers: 32,
      headDim: 2,
      vocabSize: 32_000,
      slidingWindow: 4096,
    });
  });

  test('null key heads mean one for each head', () => {
    for (const model_type of ['llama', 'mistral', 'qwen2']) {
      expect(treeOf({ model_type, num_key_value_heads: null }).attentions[0]!.kvHeads).toBe(32);
    }
  });
});

test('only Llama reads the bias flags of the file', () => {
  const biased = (model_type: string) => {
    const tree = treeOf({ model_type, num_hidden_layers: 1, attention_bias: true, mlp_bias: true });
    const names = [...tree.parameters()].map(({ name }) => name).filter((name) => name.endsWith('.bias'));
    return names.map((name) => name.split('.').at(-2));
  };
  const qkv = ['q_proj', 'k_proj', 'v_proj'];
  expect(biased('llama')).toEqual([...qkv, 'o_proj', 'gate_proj', 'up_proj', 'down_proj']);
  expect(biased('mistral')).toEqual([]);
  expect(biased('qwen2')).toEqual(qkv);
});

describe('the sliding window of qwen2', () => {
  const qwen2 = { model_type: 'qwen2', num_hidden_layers: 4, sliding_window: 8 };

  test('starts at max_window_layers, and only where it is switched on', () => {
    const on = { ...qwen2, use_sliding_window: true, max_window_layers: 3 };
    expect(windowsOf(on)).toEqual([null, null, null, 8]);
    expect(windowsOf({ ...on, use_sliding_window: false })).toEqual([null, null, null, null]);
  });

  test('follows layer_types where the file has them', () => {
    const layer_types = ['sliding_attention', 'full_attention', 'sliding_attention', 'full_attention'];
    const on = { ...qwen2, use_sliding_window: true, layer_types };
    expect(windowsOf(on)).toEqual([8, null, 8, null]);
    expect(() => parseModelConfig({ ...on, use_sliding_window: false })).toThrow(/layer_types: has sliding/);
    expect(() => parseModelConfig({ ...on, layer_types: ['full_attention'] })).toThrow(
      /1 entries for 4 layers/,
    );
    expect(() =>
      parseModelConfig({ ...on, layer_types: ['chunked_attention', ...layer_types.slice(1)] }),
    ).toThrow(/layer_types .*"chunked_attention".*not supported/);
  });
});

describe('options that change the mathematics are refused by name', () => {
  test.each([
    ['hidden_act', { hidden_act: 'relu6' }],
    ['quantization_config', { quantization_config: { quant_method: 'gptq' } }],
    ['per_layer_config', { per_layer_config: {} }],
  ])('%s', (option, config) => {
    expect(() => parseModelConfig({ model_type: 'llama', ...config })).toThrow(
      expect.objectContaining({ code: 'unsupported', details: { architecture: 'LlamaForCausalLM', option } }),
    );
  });

  test('a text model of another family inside an image-text model', () => {
    expect(() => parseModelConfig({ model_type: 'mistral3', text_config: { model_type: 'llama' } })).toThrow(
      /model_type "llama" is not supported .* its text model may be mistral or ministral3$/,
    );
  });

  test('alternating windows in a mistral', () => {
    const layer_types = ['sliding_attention', 'full_attention'];
    expect(() => parseModelConfig({ model_type: 'mistral', num_hidden_layers: 2, layer_types })).toThrow(
      /layer_types/,
    );
  });
});

test('dropout inside of the base model is not applied, which a warning says', () => {
  const { warnings } = parseModelConfig({ model_type: 'llama', attention_dropout: 0.1 });
  expect(warnings).toEqual([
    'attention_dropout 0.1 of config.json is not applied in training; use lora_dropout',
  ]);
});

describe('a broken config.json names every field that is wrong', () => {
  test('types and contradictions', () => {
    expect(() => parseModelConfig({ model_type: 'llama', hidden_size: '32', num_hidden_layers: 0 })).toThrow(
      /hidden_size: .*num_hidden_layers: /,
    );
    const sizes = { hidden_size: 30, num_attention_heads: 4, num_key_value_heads: 3 };
    expect(() => parseModelConfig({ model_type: 'llama', ...sizes })).toThrow(
      /num_key_value_heads: 3 does not divide.*head_dim: 7 is not even.*hidden_size: 30 is not a multiple/,
    );
  });

  test('an architecture that is not of the model type', () => {
    expect(() => parseModelConfig({ architectures: ['LlamaForCausalLM'], model_type: 'gemma' })).toThrow(
      /model_type: "gemma" does not belong to architecture LlamaForCausalLM/,
    );
  });

  test('neither architecture nor model type', () => {
    expect(() => parseModelConfig({})).toThrow(/architecture null is not supported/);
    expect(() => parseModelConfig([])).toThrow(/must be a JSON object/);
  });

  test('a missing file and a file that is not JSON', async () => {
    await expect(readModelConfig(path.join(scratch, 'absent'))).rejects.toMatchObject({
      code: 'model_config_missing',
    });
    await writeFile(path.join(scratch, 'config.json'), '{');
    await expect(readModelConfig(scratch)).rejects.toMatchObject({ code: 'model_config_invalid' });
  });
});

test.each([
  [
    { architectures: ['Qwen3MoeForCausalLM'], num_experts: 128 },
    'mixtures of experts are not done: take a dense model',
  ],
  [
    { architectures: ['OddForCausalLM'], text_config: { n_routed_experts: 8 } },
    'mixtures of experts are not done',
  ],
  [{ architectures: ['DeepseekV3ForCausalLM'], kv_lora_rank: 512 }, 'mixtures of experts are not done'],
  [
    { architectures: ['OtherForCausalLM'], kv_lora_rank: 512 },
    'keys and values from a latent vector (MLA) are not done',
  ],
  [{ architectures: ['MambaForCausalLM'] }, 'state-space layers are not done: take a model of attention'],
  [{ architectures: ['T5ForConditionalGeneration'] }, 'encoders with a decoder are not done: take a decoder'],
])('%j is refused with what it is and what to take', (json, reason) => {
  expect(() => parseModelConfig(json)).toThrow(`is not supported, since ${reason}`);
});

test('a model of no known kind is refused with those that are known', () => {
  expect(() => parseModelConfig({ architectures: ['OddForCausalLM'] })).toThrow(
    /"OddForCausalLM" is not supported; known architectures: LlamaForCausalLM/,
  );
});
