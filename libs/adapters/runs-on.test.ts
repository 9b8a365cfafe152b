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
const verdicts = (config: object, classes: string[] | null = null) =>
  Object.fromEntries(
    runsOn({ config: { ...plain, ...config }, classes }).map(({ program, runs, export: format }) => [
      program,
      runs ? 'runs' : format,
    ]),
  );

test.each([
  ['plain LoRA', {}, 'runs', 'gguf'],
  ['rsLoRA', { use_rslora: true }, 'runs', 'gguf'],
  ['patterns', { rank_pattern: { q_proj: 4 } }, 'portable', 'gguf'],
  ['DoRA', { use_dora: true, rank_pattern: { q_proj: 4 } }, 'merged', 'merged-gguf'],
  ['a bias on B', { lora_bias: true }, 'merged', 'merged-gguf'],
  ['biases', { bias: 'all' }, 'merged', 'merged-gguf'],
  ['whole modules', { modules_to_save: ['lm_head'] }, 'merged', 'merged-gguf'],
  ['an embedding', { target_modules: ['embed_tokens'] }, 'runs', 'merged-gguf'],
])('%s runs in PEFT, and elsewhere as this export', (_, config, servers, llama) => {
  expect(verdicts(config)).toEqual({
    PEFT: 'runs',
    transformers: 'runs',
    vLLM: servers,
    LoRAX: servers,
    'llama.cpp, Ollama': llama,
  });
});

test('what tells classes apart has no export for llama.cpp', () => {
  expect(verdicts({}, ['bad', 'good'])['llama.cpp, Ollama']).toBeNull();
  expect(
    runsOn({ config: plain, classes: ['bad', 'good'] }).every(
      ({ runs, reason }) => runs === (reason === null),
    ),
  ).toBe(true);
});
