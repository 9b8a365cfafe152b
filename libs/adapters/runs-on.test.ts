import { expect, test } from 'vitest';
import { runsOn } from '#adapters/runs-on.js';

const plain = {
  use_dora: false,
  lora_bias: false,
  bias: 'none',
  modules_to_save: null,
  rank_pattern: {},
  target_modules: ['q_proj'],
};
const llama = 'LlamaForCausalLM';
const verdicts = (config: object, classes: string[] | null = null, architecture: string | null = llama) =>
  Object.fromEntries(
    runsOn({ config: { ...plain, ...config }, classes, architecture }).map(
      ({ program, runs, export: format }) => [program, runs ? 'runs' : format],
    ),
  );

test.each([
  ['plain LoRA', {}, 'runs', 'gguf'],
  ['rsLoRA', { use_rslora: true }, 'runs', 'gguf'],
  ['patterns', { rank_pattern: { q_proj: 4 } }, 'portable', 'gguf'],
  ['DoRA', { use_dora: true, rank_pattern: { q_proj: 4 } }, 'merged', 'merged-gguf'],
  ['a bias on B', { lora_bias: true }, null, null],
  ['a high rank', { r: 64 }, 'runs', 'gguf'],
  ['an output embedding by an expression', { target_modules: '.*(q_proj|lm_head)' }, 'runs', 'merged-gguf'],
  ['biases', { bias: 'all' }, 'merged', 'merged-gguf'],
  ['whole modules', { modules_to_save: ['lm_head'] }, 'merged', 'merged-gguf'],
  ['an embedding', { target_modules: ['embed_tokens'] }, 'runs', 'merged-gguf'],
])('%s runs in PEFT, and elsewhere as this export', (what, config, servers, llama) => {
  expect(verdicts(config)).toEqual({
    PEFT: 'runs',
    transformers: what === 'DoRA' ? 'merged' : 'runs',
    vLLM: servers,
    LoRAX: servers,
    'Together-style upload': servers === 'portable' ? 'archive' : servers,
    'llama.cpp, Ollama': llama,
  });
});

test('what tells classes apart has no export for llama.cpp', () => {
  expect(verdicts({}, ['bad', 'good'])['llama.cpp, Ollama']).toBeNull();
  expect(
    runsOn({ config: plain, classes: ['bad', 'good'], architecture: null }).every(
      ({ runs, reason }) => runs === (reason === null),
    ),
  ).toBe(true);
});

test('the base decides too: its family, and whether it reads images', () => {
  expect(verdicts({}, null, 'GPT2LMHeadModel')).toMatchObject({ vLLM: 'runs', 'llama.cpp, Ollama': null });
  expect(verdicts({}, null, 'ResNetForImageClassification')).toMatchObject({
    PEFT: 'runs',
    vLLM: null,
    'llama.cpp, Ollama': null,
  });
  expect(verdicts({}, null, 'LlamaForSequenceClassification')).toMatchObject({ vLLM: 'merged' });
  expect(verdicts({}, null, null)).toEqual(verdicts({}));
});

test('vLLM needs to be told of ranks above its limit', () => {
  const of = (config: object) =>
    runsOn({ config: { ...plain, ...config }, classes: null, architecture: llama }).find(
      ({ program }) => program === 'vLLM',
    );
  expect(of({ r: 16 })).toEqual({ program: 'vLLM', runs: true, reason: null, export: null });
  expect(of({ r: 17 })).toMatchObject({ runs: true, reason: expect.stringContaining('--max-lora-rank') });
});
