import { describe, expect, it } from 'vitest';
import type { Block } from '#data/packing.js';
import { pretrainingBlocks } from './blocks.js';
import { baseModel, initializeParameter, initialParameters } from './model.js';
import { learningRateAt, pretrainingRecipe, splitHeldOut } from './recipe.js';

describe('base model', () => {
  const parameters = initialParameters(baseModel());

  it('fits its folder: at most 8 MB in bf16 with room for the tokenizer', () => {
    expect(baseModel().parameterCount * 2).toBeLessThan(7_800_000);
  });

  it('shares the embedding with the head', () => {
    expect(parameters.map(({ name }) => name)).not.toContain('lm_head.weight');
    expect(parameters).toHaveLength([...baseModel().parameters()].length);
  });

  it('starts from numbers that its seed and its names set', () => {
    const parameter = parameters.find(({ name }) => name.endsWith('0.self_attn.k_proj.weight'))!;
    const values = initializeParameter(parameter, 1);
    expect(initializeParameter(parameter, 1)).toEqual(values);
    expect(initializeParameter(parameter, 2)).not.toEqual(values);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(mean).toBeCloseTo(0, 3);
    expect(Math.sqrt(variance)).toBeCloseTo(0.02, 3);
  });

  it('starts what adds to the residual stream smaller, the more layers there are', () => {
    const deviations = parameters.filter(({ name }) => /o_proj|down_proj/.test(name)).map((p) => p.deviation);
    expect(new Set(deviations)).toEqual(new Set([0.02 / Math.sqrt(8)]));
  });

  it('starts norms at one and leaves them out of weight decay', () => {
    const norms = parameters.filter(({ name }) => name.includes('norm'));
    expect(norms).toHaveLength(9);
    for (const norm of norms) {
      expect(norm.decays).toBe(false);
      expect(initializeParameter(norm, 1).every((value) => value === 1)).toBe(true);
    }
  });
});

describe('pretrainingBlocks', () => {
  const passages = [
    [1, 10, 11, 2],
    [1, 20, 2],
    [1, 30, 31, 32, 2],
  ];
  const take = (count: number, seed: number): Block[] => {
    const blocks = pretrainingBlocks(passages, { length: 8, seed });
    return Array.from({ length: count }, () => blocks.next().value);
  };

  it('lays every passage of an epoch end to end without padding', () => {
    const blocks = take(3, 5);
    const tokens = blocks.flatMap((block) => [...block.tokens]);
    expect(tokens.slice(0, 12).sort((a, b) => a - b)).toEqual(passages.flat().sort((a, b) => a - b));
    for (const { segments } of blocks) expect(segments).not.toContain(0);
  });

  it('predicts every token but the first of each segment', () => {
    for (const { segments, trained } of take(3, 5)) {
      segments.forEach((segment, at) => {
        expect(trained[at]).toBe(at > 0 && segments[at - 1] === segment ? 1 : 0);
      });
    }
  });

  it('repeats itself for one seed and is another for another', () => {
    expect(take(6, 5)).toEqual(take(6, 5));
    expect(take(6, 5)).not.toEqual(take(6, 6));
  });
});

describe('recipe', () => {
  it('warms up to the learning rate and ends at its final share', () => {
    const { learningRate, warmupSteps, steps, finalLearningRateRatio } = pretrainingRecipe;
    expect(learningRateAt(pretrainingRecipe, 0)).toBeCloseTo(learningRate / warmupSteps);
    expect(learningRateAt(pretrainingRecipe, warmupSteps - 1)).toBeCloseTo(learningRate, 5);
    expect(learningRateAt(pretrainingRecipe, steps - 1)).toBeCloseTo(learningRate * finalLearningRateRatio);
  });

  it('keeps every so many-th passage out of training', () => {
    expect(splitHeldOut([0, 1, 2, 3, 4, 5], 3)).toEqual({ training: [0, 1, 3, 4], heldOut: [2, 5] });
  });
});
