/** The loop of autoregressive generation, on token ids. */
import { setImmediate } from 'node:timers/promises';
import { LowrankError } from '#base/errors.js';
import type { AdapterNumbers, NextTokenModel } from '#generation/next-token-model.js';
import { checkSampling, chooseToken, type SamplingOptions, uniformFor } from '#generation/sampling.js';

/** `stop`: the model or the caller ended the text; `length`: there was no room for more. */
export type FinishReason = 'stop' | 'length';

export interface TokenOptions {
  readonly sampling: SamplingOptions;
  /** Tells apart requests of one seed, several answers to one prompt for instance. */
  readonly request: number;
  /** Most tokens to generate; the model's limit holds anyway. */
  readonly maxTokens: number;
  readonly stopIds: readonly number[];
  /** Undefined = the base model. */
  readonly adapter: AdapterNumbers | undefined;
  readonly signal?: AbortSignal;
}

/** A generated token, the last one with the reason why it is. */
export interface GeneratedToken {
  readonly token: number;
  readonly finishReason: FinishReason | undefined;
}

/**
 * Generates tokens after a prompt, the stop id included where one comes.
 *
 * The token at a position depends on the tokens before it, the seed and the request only: a text that was cut off
 * goes on with the same tokens. Throws `prompt_empty`, `prompt_too_long`, `max_tokens_invalid`, `sampling_invalid`,
 * `logits_not_finite`, and the signal's reason between two tokens.
 */
export async function* generateTokens(
  model: NextTokenModel,
  prompt: readonly number[],
  { sampling, request, maxTokens, stopIds, adapter, signal }: TokenOptions,
): AsyncGenerator<GeneratedToken> {
  checkSampling(sampling);
  const room = checkRoom(model, prompt);
  if (!(maxTokens >= 1)) {
    throw new LowrankError('max_tokens_invalid', `maxTokens must be 1 or more, not ${maxTokens}`);
  }
  const most = Math.min(Math.floor(maxTokens), room);
  const sequence = model.open(adapter);
  let added: readonly number[] = prompt;
  for (let count = 1; count <= most; count++) {
    signal?.throwIfAborted();
    const logits = await sequence.extend(added);
    const position = prompt.length + count - 1;
    const token = chooseToken(logits, sampling, uniformFor(sampling.seed, request, position));
    added = [token];
    const isLast = count === most;
    const finishReason = stopIds.includes(token) ? 'stop' : isLast ? 'length' : undefined;
    yield { token, finishReason };
    if (finishReason) return;
    // A run blocks the thread: an abort, and whatever else waits, gets its turn here.
    await setImmediate();
  }
}

/** How many tokens a model can add to a prompt. */
function checkRoom({ maxLength }: NextTokenModel, prompt: readonly number[]): number {
  if (prompt.length === 0) {
    throw new LowrankError('prompt_empty', 'the prompt is empty: give at least one token');
  }
  if (prompt.length >= maxLength) {
    throw new LowrankError(
      'prompt_too_long',
      `the prompt has ${prompt.length} tokens; the model takes ${maxLength} with the answer, so at most ${maxLength - 1}`,
      { details: { promptTokens: prompt.length, limit: maxLength } },
    );
  }
  return maxLength - prompt.length;
}
