import { readFileSync, readdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseLoraConfig, readLoraConfig } from '#lora/config.js';
import type { LoraConfigInput } from '#lora/config.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import { parseModelConfig, readModelConfig } from '#models/config.js';
import { readSafetensorsHeader } from '#models/safetensors.js';
import { buildModel } from '#models/families/registry.js';
import { familyNames } from '../../test/families.js';

interface Golden {
  readonly families: Readonly<Record<string, Record<string, unknown>>>;
  readonly cases: readonly {
    readonly family: string;
    readonly config: LoraConfigInput;
    readonly modules?: Readonly<Record<string, readonly [r: number, loraAlpha: number, scale: number]>>;
    readonly trainable_parameters?: number;
    readonly error?: string;
  }[];
}
// Made by tools/golden/target-modules.py.
const golden = JSON.parse(
  readFileSync(new URL('target-modules.golden.json', import.meta.url), 'utf8'),
) as Golden;

const modelOf = (family: string) =>
  buildModel(parseModelConfig({ model_type: family, ...golden.families[family] }));
const llama = modelOf('llama');
const resolve = (config: LoraConfigInput) => resolveTargetModules(llama, parseLoraConfig(config));

describe('the modules, ranks and scales are those of PEFT', () => {
  const cases = golden.cases.map((golden) => ({ ...golden, written: JSON.stringify(golden.config) }));

  test.each(cases.filter(({ error }) => error === undefined))(
    '$family $written',
    ({ family, config, modules, trainable_parameters }) => {
      const plan = resolveTargetModules(modelOf(family), parseLoraConfig(config));
      const found = plan.modules.map(({ path, r, loraAlpha, scale }) => [path, [r, loraAlpha, scale]]);
      expect(found).toEqual(Object.entries(modules!));
      expect(plan.trainableParameters).toBe(trainable_parameters);
    },
  );

  test.each(cases.filter(({ error }) => error !== undefined))(
    '$family $written: $error',
    ({ family, config, error }) => {
      const code = error === 'NoMatchingPeftModuleError' ? 'no_target_modules' : 'unsupported';
      expect(() => resolveTargetModules(modelOf(family), parseLoraConfig(config))).toThrow(
        expect.objectContaining({ code }),
      );
    },
  );
});

const lora = fileURLToPath(new URL('../../test/fixtures/lora', import.meta.url));

describe('the trainings of the fixtures adapt the tensors that PEFT saved, in files of the predicted size', () => {
  const cases = readdirSync(lora).flatMap((name) => {
    const { family } = JSON.parse(readFileSync(path.join(lora, name, 'case.json'), 'utf8')) as {
      family: string;
    };
    const isPlain = !/dora|bias|modules-to-save|embedding/.test(name);
    return familyNames.includes(family) && isPlain ? [{ name, family }] : [];
  });

  test.each(cases)('$name on $family', async ({ name, family }) => {
    const model = buildModel(await readModelConfig(path.join(lora, '../families', family)));
    const folder = path.join(lora, name, 'init');
    const json: unknown = JSON.parse(readFileSync(path.join(folder, 'adapter_config.json'), 'utf8'));
    const plan = resolveTargetModules(model, readLoraConfig(json).config);
    const file = path.join(folder, 'adapter_model.safetensors');
    const { tensors } = await readSafetensorsHeader(file);
    const shapes = plan.modules.flatMap(({ path, r, inFeatures, outFeatures }) => [
      [`base_model.model.${path}.lora_A.weight`, [r, inFeatures]],
      [`base_model.model.${path}.lora_B.weight`, [outFeatures, r]],
    ]);
    expect(Object.fromEntries(shapes)).toEqual(
      Object.fromEntries([...tensors].map(([key, { shape }]) => [key, shape])),
    );
    expect(plan.adapterBytes).toBe((await stat(file)).size);
  });
});

describe('inside an image-text model only layers of the text model are named', () => {
  /** What a configuration names in an image-text model, and in its text model by itself. */
  const resolveBoth = (name: string, config: LoraConfigInput) => {
    const file = readFileSync(path.join(lora, '../families', name, 'config.json'), 'utf8');
    const json = JSON.parse(file) as { text_config: unknown };
    const resolve = (json: unknown) =>
      resolveTargetModules(buildModel(parseModelConfig(json)), parseLoraConfig(config));
    const alone = resolve(json.text_config).modules.map(({ path }) => path);
    return {
      wrapped: resolve(json),
      alone: alone.map((path) => path.replace('model.', 'model.language_model.')),
    };
  };
  const names = ['gemma3-wrapped', 'gemma4-wrapped', 'mistral3-wrapped', 'ministral3-wrapped'];

  test.each(names)('%s: where nothing is said, by an expression', (name) => {
    const { wrapped, alone } = resolveBoth(name, { r: 2 });
    expect(wrapped.config.target_modules).toBe('.*language_model\\..*\\.(q_proj|v_proj)');
    expect(wrapped.modules.map(({ path }) => path)).toEqual(alone);
  });

  test.each(names)('%s: all-linear, by whole paths', (name) => {
    const { wrapped, alone } = resolveBoth(name, { target_modules: 'all-linear', r: 2 });
    expect(wrapped.config.target_modules).toEqual(alone.toSorted());
    expect(wrapped.modules.map(({ path }) => path)).toEqual(alone);
  });
});

describe('names that match nothing get the nearest ones', () => {
  test.each<[why: string, config: LoraConfigInput, message: RegExp]>([
    ['a typing error', { target_modules: ['q_prj'] }, /did you mean q_proj\?/],
    ['another family', { target_modules: ['c_attn'] }, /known names: q_proj, k_proj, v_proj/],
    [
      'a name as a text',
      { target_modules: 'q_proj' },
      /regular expression for the whole path.*write \["q_proj"\], or "\.\*\\\\\.q_proj"/,
    ],
    [
      'a regex that is too short',
      { target_modules: '.*q_pro' },
      /an example is "model\.layers\.0\.self_attn\.q_proj"/,
    ],
    ['all-linear in a list', { target_modules: ['all-linear'] }, /write "all-linear" as a text/],
    [
      'everything excluded',
      { target_modules: ['q_proj'], exclude_modules: ['q_proj'] },
      /exclude_modules \["q_proj"\]/,
    ],
    [
      'a typing error beside an exclusion',
      { target_modules: ['q_prj'], exclude_modules: ['v_proj'] },
      /did you mean q_proj/,
    ],
    ['a layer too far', { target_modules: ['q_proj'], layers_to_transform: 99 }, /in layers_to_transform 99/],
  ])('%s', (_, config, message) => {
    expect(() => resolve(config)).toThrow(
      expect.objectContaining({ code: 'no_target_modules', message: expect.stringMatching(message) }),
    );
  });
});

describe('modules that cannot be adapted are refused by name and kind', () => {
  test.each([
    [['q_proj', 'lm_head'], /lm_head \(the output embedding\)/],
    [['input_layernorm'], /model\.layers\.0\.input_layernorm \(a norm\).* and 7 more/],
    ['.*layers\\.0\\.mlp.*', /model\.layers\.0\.mlp \(no layer with a weight of its own\)/],
  ])('%s', (target_modules, message) => {
    expect(() => resolve({ target_modules })).toThrow(
      expect.objectContaining({ code: 'unsupported', message: expect.stringMatching(message) }),
    );
  });
});

test('a rank beyond the smaller side of a layer is refused with every such layer', () => {
  expect(() => resolve({ target_modules: ['q_proj', 'k_proj'], r: 9 })).toThrow(
    expect.objectContaining({
      code: 'rank_too_large',
      message: expect.stringMatching(/k_proj \[8, 16\] with r 9.* and 7 more: use r of at most 8/),
      details: { largest: 8, modules: expect.arrayContaining(['model.layers.11.self_attn.k_proj']) },
    }),
  );
  expect(resolve({ target_modules: ['q_proj', 'k_proj'], r: 8 }).modules).toHaveLength(24);
});

describe('the configuration of the adapter is concrete', () => {
  test.each<[written: LoraConfigInput['target_modules'], saved: unknown]>([
    [null, ['q_proj', 'v_proj']],
    ['all-linear', ['down_proj', 'gate_proj', 'k_proj', 'o_proj', 'q_proj', 'up_proj', 'v_proj']],
    [
      ['v_proj', 'q_proj', 'v_proj'],
      ['q_proj', 'v_proj'],
    ],
    ['.*\\.q_proj', '.*\\.q_proj'],
  ])('%j', (target_modules, saved) => {
    const plan = resolve({ target_modules });
    expect(plan.config.target_modules).toEqual(saved);
    expect(resolveTargetModules(llama, plan.config).modules).toEqual(plan.modules);
  });
});

describe('modules_to_save names modules by how their paths end, as in PEFT', () => {
  const wholeOf = (modules_to_save: string[]) =>
    resolve({ target_modules: ['q_proj'], layers_to_transform: 0, modules_to_save })
      .modules.filter(({ r }) => r === 0)
      .map(({ path }) => path);

  test('a whole last name names the modules that have it, and what is inside', () => {
    expect(wholeOf(['lm_head'])).toEqual(['lm_head']);
    expect(wholeOf(['layers.3.mlp'])).toEqual(
      ['gate', 'up', 'down'].map((name) => `model.layers.3.mlp.${name}_proj`),
    );
  });

  test('a name is also the end of a longer one', () => {
    const whole = wholeOf(['norm']);
    expect(whole).toHaveLength(25);
    expect(whole).toEqual(expect.arrayContaining(['model.norm', 'model.layers.0.input_layernorm']));
  });

  test('a layer that would be trained whole and by factors is refused with the field', () => {
    expect(() => resolve({ target_modules: ['q_proj'], modules_to_save: ['proj'] })).toThrow(
      expect.objectContaining({
        code: 'lora_config_invalid',
        message: expect.stringMatching(/modules_to_save: .*layers\.0\.self_attn\.q_proj and 11 more/),
      }),
    );
  });
});

test('names and patterns that match nothing are reported', () => {
  const { unmatched } = resolve({
    target_modules: ['q_proj', 'query'],
    exclude_modules: ['q_proj.x'],
    rank_pattern: { q_proj: 2, v_proj: 3 },
    alpha_pattern: { 'layers.99.*': 2 },
  });
  expect(unmatched).toEqual({
    target_modules: ['query'],
    exclude_modules: ['q_proj.x'],
    rank_pattern: ['v_proj'],
    alpha_pattern: ['layers.99.*'],
    modules_to_save: [],
    bias: [],
  });
});
