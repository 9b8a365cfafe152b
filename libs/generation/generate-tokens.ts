/** The loop of autoregressive generation, on token ids. */
import { setImmediate } from 'node:timers/promises';
import { LowrankError } from '#base/errors.js';
import type { AdapterNumbers, NextTokenModel } from '#generation/next-token-model.js';
import type { TokenConstraint } from '#generation/token-constraint.js';
import {
  positionScores,
  type ScoreChanges,
  ScoreChanger,
  type ScoredToken,
} from '#generation/token-scores.js';
import { checkSampling, chooseToken, type SamplingOptions, uniformFor } from '#generation/sampling.js';

/**
 * `stop`: the model or the caller ended the text; `length`: there was no room for more; `complete`: the token completed a
 * text that nothing may follow.
 */
export type FinishReason = 'stop' | 'length' | 'complete';

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
  readonly scores?: ScoreChanges;
  /** What the text must keep to. */
  readonly constraint?: TokenConstraint;
  /** How many likeliest tokens to tell with each token; left out = tell no probabilities. */
  readonly topScores?: number;
}

/** A generated token, the last one with the reason why it is. */
export interface GeneratedToken {
  readonly token: number;
  readonly finishReason: FinishReason | undefined;
  /** By the model alone, if it was asked for. */
  readonly logprob?: number;
  readonly top?: readonly ScoredToken[];
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
  options: TokenOptions,
): AsyncGenerator<GeneratedToken> {
  const { sampling, maxTokens, stopIds, adapter, signal } = options;
  checkSampling(sampling);
  const room = checkRoom(model, prompt);
  if (!(maxTokens >= 1)) {
    throw new LowrankError('max_tokens_invalid', `maxTokens must be 1 or more, not ${maxTokens}`);
  }
  const most = Math.min(Math.floor(maxTokens), room);
  const sequence = model.open(adapter);
  const choose = tokenChooser(options);
  let added: readonly number[] = prompt;
  for (let count = 1; count <= most; count++) {
    signal?.throwIfAborted();
    const logits = await sequence.extend(added);
    const position = prompt.length + count - 1;
    const chosen = choose(logits, position);
    added = [chosen.token];
    const isLast = count === most;
    const finishReason = stopIds.includes(chosen.token)
      ? 'stop'
      : options.constraint?.isOver
        ? 'complete'
        : isLast
          ? 'length'
          : undefined;
    yield { ...chosen, finishReason };
    if (finishReason) return;
    // A run blocks the thread: an abort, and whatever else waits, gets its turn here.
    await setImmediate();
  }
}

/** How often a token outside of a constraint is passed over before all of those are ruled out. */
const triesOutside = 8;

/** Chooses the tokens of one answer. */
function tokenChooser({ sampling, request, scores, constraint, topScores }: TokenOptions) {
  const changer = scores && new ScoreChanger(scores);
  const uniform = (position: number, attempt = 0) => uniformFor(sampling.seed, request, position, attempt);
  /** Passing over a token and choosing among the rest draws as choosing among those that are allowed does. */
  const chooseWithin = (limits: TokenConstraint, logits: Float32Array, position: number): number => {
    for (let attempt = 0; attempt < triesOutside; attempt++) {
      const token = chooseToken(logits, sampling, uniform(position, attempt));
      if (limits.allows(token)) return token;
      logits[token] = -Infinity;
      if (!logits.some((logit) => logit > -Infinity)) break;
    }
    limits.mask(logits);
    return chooseToken(logits, sampling, uniform(position, triesOutside));
  };
  return (logits: Float32Array, position: number): Omit<GeneratedToken, 'finishReason'> => {
    if (!changer && !constraint && topScores === undefined) {
      return { token: chooseToken(logits, sampling, uniform(position)) };
    }
    const told = topScores === undefined ? undefined : positionScores(logits, topScores);
    const original = told ? logits.slice() : logits;
    changer?.change(logits);
    const token = constraint
      ? chooseWithin(constraint, logits, position)
      : chooseToken(logits, sampling, uniform(position));
    constraint?.take(token);
    changer?.count(token);
    return told ? { token, logprob: told.logprobOf(original[token]!), top: told.top } : { token };
  };
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
