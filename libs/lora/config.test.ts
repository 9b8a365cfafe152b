import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { LoraConfigError, parseLoraConfig, readLoraConfig } from '#lora/config.js';
import { nearestNames } from '#base/nearest-names.js';

const lora = fileURLToPath(new URL('../../test/fixtures/lora', import.meta.url));

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

test('nothing written means the defaults of PEFT', () => {
  expect(parseLoraConfig({})).toEqual({
    r: 8,
    lora_alpha: 8,
    lora_dropout: 0,
    lora_dropout_on: 'input',
    target_modules: null,
    exclude_modules: null,
    layers_to_transform: null,
    layers_pattern: null,
    rank_pattern: {},
    alpha_pattern: {},
    use_rslora: false,
    use_dora: false,
    lora_bias: false,
    init_lora_weights: true,
    peft_type: 'LORA',
    task_type: null,
    base_model_name_or_path: null,
    revision: null,
    inference_mode: false,
    bias: 'none',
    modules_to_save: null,
    fan_in_fan_out: false,
    auto_mapping: null,
    peft_version: null,
  });
});

describe('every adapter_config.json that PEFT wrote is read', () => {
  test.each(readdirSync(lora))('%s', (name) => {
    const file = path.join(lora, name, 'final', 'adapter_config.json');
    const json = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    const { config, ignored } = readLoraConfig(json);
    expect(ignored).toEqual([]);
    expect({ lora_dropout_on: 'input', ...json }).toMatchObject(config);
  });
});

describe('options of PEFT that are not done here are refused by name', () => {
  test.each([
    [{ trainable_token_indices: [1] }, 'trainable_token_indices [1]'],
    [{ target_parameters: ['experts.w'] }, 'target_parameters ["experts.w"]'],
    [{ layer_replication: [[0, 4]] }, 'layer_replication [[0,4]]'],
    [{ loftq_config: { loftq_bits: 4 } }, 'loftq_config {"loftq_bits":4}'],
    [{ init_lora_weights: 'eva' }, 'init_lora_weights "eva"'],
    [{ init_lora_weights: 'corda' }, 'init_lora_weights "corda"'],
    [{ task_type: 'TOKEN_CLS' }, 'task_type "TOKEN_CLS"'],
    [{ peft_type: 'IA3' }, 'peft_type "IA3"'],
  ])('%j', (input, named) => {
    expect(() => parseLoraConfig(input)).toThrow(
      expect.objectContaining({ code: 'unsupported', message: expect.stringContaining(named) }),
    );
  });

  test('but not while they do nothing', () => {
    const idle = {
      use_dora: false,
      loftq_config: {},
      megatron_core: 'megatron.core',
      qalora_group_size: 16,
      runtime_config: { ephemeral_gpu_offload: false },
      layer_replication: null,
    };
    expect(parseLoraConfig(idle)).toEqual(parseLoraConfig({}));
  });
});

describe('contradictions are refused as in PEFT', () => {
  test.each([
    [{ target_modules: '.*q_proj', layers_to_transform: [0] }, 'layers_to_transform'],
    [{ target_modules: 'all-linear', layers_to_transform: 0 }, 'layers_to_transform'],
    [{ target_modules: '.*q_proj', layers_pattern: 'layers', layers_to_transform: [0] }, 'layers_pattern'],
    [{ target_modules: ['q_proj'], layers_pattern: ['layers'] }, 'layers_pattern'],
    [{ use_dora: true, lora_bias: true }, 'lora_bias'],
    [{ lora_bias: true, init_lora_weights: 'gaussian' }, 'lora_bias'],
    [{ lora_dropout_on: 'output' }, 'lora_dropout_on'],
    [{ lora_dropout_on: 'output', lora_dropout: 0.1, use_dora: true }, 'lora_dropout_on'],
    [{ lora_dropout_on: 'output', lora_dropout: 0.1, lora_bias: true }, 'lora_dropout_on'],
  ])('%j', (input, field) => {
    expect(() => parseLoraConfig(input)).toThrow(LoraConfigError);
    expect(() => parseLoraConfig(input)).toThrow(new RegExp(`${field}: `));
  });

  test('an empty pattern contradicts nothing', () => {
    expect(parseLoraConfig({ target_modules: ['q_proj'], layers_pattern: [] }).layers_pattern).toEqual([]);
    expect(parseLoraConfig({ target_modules: '.*q_proj', layers_pattern: '' }).layers_pattern).toBe('');
    expect(parseLoraConfig({ target_modules: '.*q_proj', layers_to_transform: [] }).r).toBe(8);
  });
});

test('one error names every problem with its field and what to write', () => {
  const input = {
    r: 0,
    lora_dropout: 1,
    lora_rank: 4,
    target_modules: 'q',
    layers_to_transform: [1],
    rank_pattern: { q_proj: -1 },
    use_dora: true,
  };
  const error = errorOf(() => parseLoraConfig(input));
  expect(error).toBeInstanceOf(LoraConfigError);
  const { problems, code } = error as LoraConfigError;
  expect(code).toBe('lora_config_invalid');
  expect(problems.map(({ field }) => field).toSorted()).toEqual([
    'layers_to_transform',
    'lora_dropout',
    'lora_rank',
    'r',
    'rank_pattern.q_proj',
  ]);
  for (const { problem, fix } of problems) expect([problem, fix].every(Boolean)).toBe(true);
});

describe('single values', () => {
  test.each([
    [{ r: 2.5 }, /r: .*whole number of 1 or more/],
    [{ lora_alpha: 0 }, /lora_alpha: .*above 0/],
    [{ target_modules: [] }, /target_modules: .*list of module names/],
    [{ target_modules: { q: 1 } }, /target_modules: \{"q":1\} is not understood/],
    [{ layers_to_transform: [-1] }, /layers_to_transform/],
    [
      { init_lora_weights: 'zeros' },
      /init_lora_weights: "zeros" is not understood; give true, false, "gaussian", "orthogonal"/,
    ],
    [{ task_type: 'CHAT' }, /task_type/],
    [{ lora_aplha: 16 }, /lora_aplha: .*did you mean lora_alpha\?/],
    [[], /configuration/],
    [null, /configuration/],
  ])('%j', (input, message) => {
    expect(() => parseLoraConfig(input)).toThrow(LoraConfigError);
    expect(() => parseLoraConfig(input)).toThrow(message);
  });

  test('starts may be written in any case, empty patterns as null', () => {
    for (const init of ['Gaussian', 'Orthogonal', 'OLoRA', 'PiSSA', 'pissa_niter_16']) {
      expect(parseLoraConfig({ init_lora_weights: init }).init_lora_weights).toBe(init.toLowerCase());
    }
    expect(parseLoraConfig({ rank_pattern: null }).rank_pattern).toEqual({});
  });
});

test('fields of a newer PEFT are reported when read and refused when written', () => {
  const json = { peft_type: 'LORA', r: 4, use_next_thing: true, constructor: 1 };
  expect(readLoraConfig(json)).toMatchObject({
    config: { r: 4 },
    ignored: ['use_next_thing', 'constructor'],
  });
  expect(() => parseLoraConfig(json)).toThrow(/use_next_thing: is not a field/);
});

test('the nearest names are those with the fewest edits, if they are near at all', () => {
  const names = ['q_proj', 'k_proj', 'down_proj'];
  expect(nearestNames('qproj', names)).toEqual(['q_proj']);
  expect(nearestNames('x_proj', names)).toEqual(['q_proj', 'k_proj']);
  expect(nearestNames('attention', names)).toEqual([]);
});
