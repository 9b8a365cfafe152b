import { describe, expect, test } from 'vitest';
import { generateTokens, type TokenOptions } from '#generation/generate-tokens.js';
import type { NextTokenModel, TokenSequence } from '#generation/next-token-model.js';
import { greedy } from '#generation/sampling.js';
import { bitsAt, streamKey } from '#jit/random.js';

const options: TokenOptions = {
  sampling: greedy,
  request: 0,
  maxTokens: Infinity,
  stopIds: [],
  adapter: undefined,
};
const sampled = { ...options, sampling: { temperature: 1, topP: 0.9, seed: 4 } };

/** A model of 16 tokens whose logits depend on all tokens before; it notes how many it is given at a time. */
function mixingModel(maxLength = 40): NextTokenModel & { lengths: number[] } {
  const lengths: number[] = [];
  const open = (): TokenSequence => {
    const tokens: number[] = [];
    const extend = (added: readonly number[]) => {
      lengths.push(added.length);
      tokens.push(...added);
      const key = streamKey(
        tokens.reduce((hash, token) => Math.imul(hash, 31) + token + 1, 7),
        0,
        'logits',
      );
      return Promise.resolve(Float32Array.from({ length: 16 }, (_, i) => (bitsAt(key, i) % 1000) / 300));
    };
    return { extend };
  };
  return { maxLength, lengths, open };
}

async function run(model: NextTokenModel, prompt: number[], options: TokenOptions) {
  const generated = [];
  for await (const token of generateTokens(model, prompt, options)) generated.push(token);
  return { tokens: generated.map(({ token }) => token), reasons: generated.map((one) => one.finishReason) };
}

describe('a generation ends', () => {
  test('at the number of tokens asked for, and says so with the last one', async () => {
    const { tokens, reasons } = await run(mixingModel(), [1, 2], { ...options, maxTokens: 3 });
    expect(tokens).toHaveLength(3);
    expect(reasons).toEqual([undefined, undefined, 'length']);
  });

  test('at the limit of the model', async () => {
    const model = mixingModel(10);
    const { tokens, reasons } = await run(model, [1, 2, 3, 4], options);
    expect(tokens).toHaveLength(6);
    expect(reasons.at(-1)).toBe('length');
    expect(model.lengths).toEqual([4, 1, 1, 1, 1, 1]);
  });

  test('with a stop id, which is the last token', async () => {
    const { tokens } = await run(mixingModel(), [1], options);
    const stopped = await run(mixingModel(), [1], { ...options, stopIds: [tokens[4]!] });
    const end = tokens.indexOf(tokens[4]!) + 1;
    expect(stopped.tokens).toEqual(tokens.slice(0, end));
    expect(stopped.reasons.at(-1)).toBe('stop');
  });

  test('with the reason of the signal, between two tokens', async () => {
    const controller = new AbortController();
    const model = mixingModel();
    const generated: number[] = [];
    const reason = new Error('the client went away');
    const aborted = (async () => {
      for await (const { token } of generateTokens(model, [1], { ...options, signal: controller.signal })) {
        generated.push(token);
        if (generated.length === 2) setImmediate(() => controller.abort(reason));
      }
    })();
    await expect(aborted).rejects.toBe(reason);
    expect(generated.length).toBeLessThan(5);
    expect(model.lengths).toHaveLength(generated.length);
  });

  test('before it begins when the signal is aborted already', async () => {
    const model = mixingModel();
    const signal = AbortSignal.abort();
    await expect(run(model, [1], { ...options, signal })).rejects.toThrow(/abort/i);
    expect(model.lengths).toEqual([]);
  });
});

describe('sampled tokens', () => {
  test('are the same for the same seed and request', async () => {
    const first = await run(mixingModel(), [1, 2], sampled);
    expect((await run(mixingModel(), [1, 2], sampled)).tokens).toEqual(first.tokens);
    const otherRequest = await run(mixingModel(), [1, 2], { ...sampled, request: 1 });
    expect(otherRequest.tokens).not.toEqual(first.tokens);
    const otherSeed = { ...sampled, sampling: { ...sampled.sampling, seed: 5 } };
    expect((await run(mixingModel(), [1, 2], otherSeed)).tokens).not.toEqual(first.tokens);
  });

  test('go on as before when a text that was cut off is the prompt', async () => {
    const { tokens } = await run(mixingModel(), [1, 2], sampled);
    const rest = await run(mixingModel(), [1, 2, ...tokens.slice(0, 5)], sampled);
    expect(rest.tokens).toEqual(tokens.slice(5));
  });
});

describe('a generation is refused', () => {
  test('for a prompt that leaves no room, naming the limit', async () => {
    const prompt = Array.from({ length: 10 }, () => 1);
    await expect(run(mixingModel(10), prompt, options)).rejects.toMatchObject({
      code: 'prompt_too_long',
      message: expect.stringMatching(/10 tokens.*takes 10 .*at most 9/) as string,
      details: { promptTokens: 10, limit: 10 },
    });
    await expect(run(mixingModel(11), prompt, options)).resolves.toMatchObject({ reasons: ['length'] });
  });

  test.each([
    ['prompt_empty', [], {}],
    ['max_tokens_invalid', [1], { maxTokens: 0 }],
    ['max_tokens_invalid', [1], { maxTokens: Number.NaN }],
    ['sampling_invalid', [1], { sampling: { ...greedy, topP: 2 } }],
  ])('with %s', async (code, prompt, change) => {
    await expect(run(mixingModel(), prompt, { ...options, ...change })).rejects.toMatchObject({ code });
  });
});
