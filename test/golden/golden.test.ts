import '@tensorflow/tfjs-backend-cpu';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UnsupportedError } from '#base/errors.js';
import { goldenCases } from './registry.js';

const root = join(import.meta.dirname, '../fixtures');

/** Everything else must be refused by name, not answered wrongly. */
const done = new Set([
  ...[
    'llama',
    'llama-untied',
    'llama-bf16',
    'llama-f16-sharded',
    'llama3-rope',
    'llama-linear-rope-bias',
  ].map((name) => `families/${name}`),
  ...['mistral', 'qwen2', 'qwen2-yarn', 'qwen3'].map((name) => `families/${name}`),
  ...[
    'phi3',
    'smollm3',
    'olmo2',
    'olmo3',
    'granite',
    'gpt2',
    'gpt-neox',
    'phi',
    'starcoder2',
    'ministral3',
  ].map((name) => `families/${name}`),
  ...['fused-qkv-phi3', 'gpt2-conv1d', 'gemma4-wrapped', 'ministral3-wrapped'].map((name) => `lora/${name}`),
  ...['gemma', 'gemma2', 'gemma3-text', 'gemma3-wrapped', 'gemma4-text', 'lfm2'].map(
    (name) => `families/${name}`,
  ),
  ...['gemma4', 'mistral3', 'ministral3'].map((name) => `families/${name}-wrapped`),
  ...['bert', 'roberta', 'llama-classifier', 'vit', 'resnet', 'resnet-bottleneck'].map(
    (name) => `families/${name}`,
  ),
  ...['qwen3', 'gemma2', 'gemma3', 'lfm2', 'qwen3_5'].map((name) => `lora/${name}-all-linear`),
  'families/qwen3_5-text',
  'families/qwen3_5-wrapped',
  'lora/qwen3_5-wrapped',
  ...['qv', 'all-linear-rslora', 'patterns', 'regex-one-layer', 'layers-to-transform'].map(
    (name) => `lora/${name}`,
  ),
  ...['adamw-options', 'loraplus', 'clip-accumulate-cosine', 'exclude'].map((name) => `lora/${name}`),
  ...['linear', 'conv2d-1x1', 'conv2d-3x3', 'conv2d-all'].map((name) => `layers/${name}`),
  ...['conv2d-depthwise', 'conv2d-dilation2', 'conv2d-groups2', 'conv2d-stride2'].map(
    (name) => `layers/${name}`,
  ),
  'dpo',
  ...['dora', 'lora-bias', 'embedding', 'resnet-conv', 'resnet-conv-dora', 'vit'].map(
    (name) => `lora/${name}`,
  ),
  ...['bias-all', 'bias-lora-only', 'modules-to-save-head', 'bert-classifier', 'llama-classifier'].map(
    (name) => `lora/${name}`,
  ),
  ...['olora', 'pissa'].map((name) => `inits/${name}`),
  ...['packed', 'packed-window'].map((name) => `lora/${name}`),
  ...['conv2d-dora', 'conv2d-groups2', 'conv2d-groups2-lora-bias', 'conv2d-groups3-strided'].map(
    (name) => `peft-layers/${name}`,
  ),
  ...['gpt2', 'llama', 'resnet'].map((name) => `magnitudes/${name}`),
  ...['equal-rank', 'mixed'].map((name) => `compose/${name}`),
  ...['byte-level-gpt2', 'byte-level-llama3', 'byte-level-qwen'].map((name) => `tokenizers/${name}`),
  ...['metaspace-byte-fallback', 'metaspace-turns', 'unigram', 'wordpiece-bert'].map(
    (name) => `tokenizers/${name}`,
  ),
]);

describe('golden cases', () => {
  const cases = goldenCases(root);

  test('every case that should be done is there', () => {
    expect(cases.map(({ name }) => name).filter((name) => done.has(name))).toHaveLength(done.size);
  });

  test.each(cases.filter(({ name }) => done.has(name)))(
    '$name gives the numbers of the reference',
    async ({ run }) => {
      const { largestError } = await run();
      expect(largestError).toBeLessThan(1);
    },
  );

  test.each(cases.filter(({ name }) => !done.has(name)))('$name is refused by name', async ({ run }) => {
    await expect(run()).rejects.toThrow(UnsupportedError);
  });
});
