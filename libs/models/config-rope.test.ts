import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseModelConfig } from '#models/config.js';
import type { RotaryFields } from '#models/families/decoder-fields.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';

interface GoldenCase {
  readonly name: string;
  readonly family: string;
  readonly config: Record<string, unknown>;
  readonly head_dim: number;
  readonly inv_freq: readonly number[];
  readonly attention_scaling: number;
}

// Made by tools/golden/rotary-frequencies.py.
const golden = JSON.parse(
  readFileSync(new URL('config-rope.golden.json', import.meta.url), 'utf8'),
) as GoldenCase[];

const parse = (config: Record<string, unknown>) =>
  parseModelConfig({ model_type: 'llama', ...config }) as RotaryFields;

describe('a config.json gives the rotary frequencies of transformers', () => {
  test.each(golden)('$name', ({ family, config, head_dim, inv_freq, attention_scaling }) => {
    const { rope, headDim } = parse({ model_type: family, ...config });
    expect(headDim).toBe(head_dim);
    const { inverseFrequencies, attentionScaling } = rotaryFrequencies(headDim, rope);
    expect(inverseFrequencies.length).toBe(inv_freq.length);
    // Two units in the last place of a float32: libraries round powers differently.
    inv_freq.forEach((expected, i) =>
      expect(Math.abs(inverseFrequencies[i]! / expected - 1)).toBeLessThan(2 ** -22),
    );
    expect(attentionScaling).toBeCloseTo(attention_scaling, 14);
  });
});

describe('what is not done is refused by name', () => {
  test.each([
    ['dynamic', { rope_scaling: { type: 'dynamic', factor: 2 } }],
    ['longrope', { rope_parameters: { rope_type: 'longrope', short_factor: [1], long_factor: [1] } }],
    ['__proto__', { rope_parameters: { rope_type: '__proto__' } }],
  ])('the rope type %s', (type, config) => {
    expect(() => parse(config)).toThrow(
      expect.objectContaining({
        code: 'unsupported',
        message: expect.stringMatching(
          `rope_type "${type}".*known rope types: default, linear, llama3, yarn`,
        ),
      }),
    );
  });

  test('partial rotation, wherever it is written', () => {
    expect(() => parse({ partial_rotary_factor: 0.5 })).toThrow(/partial_rotary_factor 0.5 is not supported/);
    expect(() => parse({ rope_parameters: { rope_type: 'default', partial_rotary_factor: 0.25 } })).toThrow(
      /partial_rotary_factor 0.25 is not supported/,
    );
    expect(parse({ partial_rotary_factor: 1 }).rope.theta).toBe(10_000);
  });

  test('parameters for each layer type', () => {
    const config = {
      rope_parameters: { full_attention: { rope_theta: 1e6 }, sliding_attention: { rope_theta: 1e4 } },
    };
    expect(() => parse(config)).toThrow(/entry for each layer type/);
  });
});

test('missing and absurd parameters are all reported with their place', () => {
  expect(() => parse({ rope_scaling: { rope_type: 'llama3', factor: -1, low_freq_factor: 1 } })).toThrow(
    expect.objectContaining({
      code: 'model_config_invalid',
      message: expect.stringMatching(/rope_scaling\.factor: .*rope_scaling\.high_freq_factor: /),
    }),
  );
  expect(() => parse({ rope_theta: 0 })).toThrow(/rope_theta: /);
  expect(() => parse({ rope_parameters: { rope_theta: 'a lot' } })).toThrow(
    /rope_parameters\.rope_theta: must be/,
  );
});
