/** What changes the scores of single tokens before one is chosen, and what is told of them afterwards. */
import { LowrankError } from '#base/errors.js';

export interface ScoreChanges {
  /** Taken off a token's logit for every time that it stands in the answer. */
  readonly frequencyPenalty: number;
  /** Taken off once for tokens that stand in the answer. */
  readonly presencePenalty: number;
  /** Added to the logits of tokens. */
  readonly bias: ReadonlyMap<number, number>;
}

/** Changes the logits of one answer, token after token. */
export class ScoreChanger {
  private readonly counts = new Map<number, number>();

  constructor(private readonly changes: ScoreChanges) {}

  /** In place. Throws `sampling_invalid` for a bias on a token that the vocabulary does not have. */
  change(logits: Float32Array): void {
    const { frequencyPenalty, presencePenalty, bias } = this.changes;
    for (const [token, count] of this.counts) logits[token]! -= count * frequencyPenalty + presencePenalty;
    for (const [token, value] of bias) {
      if (token >= logits.length) {
        throw new LowrankError(
          'sampling_invalid',
          `${token} is no token of the model, whose vocabulary has ${logits.length}`,
          { details: { param: `logit_bias.${token}` } },
        );
      }
      logits[token]! += value;
    }
  }

  count(token: number): void {
    this.counts.set(token, (this.counts.get(token) ?? 0) + 1);
  }
}

export interface ScoredToken {
  readonly token: number;
  /** Natural logarithm of its probability by the model alone: before temperature, penalties and biases. */
  readonly logprob: number;
}

/** The probabilities of one position, as the model gave them. */
export interface PositionScores {
  readonly top: readonly ScoredToken[];
  /** Natural logarithm of the probability of a token with such a logit. */
  readonly logprobOf: (logit: number) => number;
}

/** Reads logits f32 [vocabulary] and keeps none of them. */
export function positionScores(logits: Float32Array, topCount: number): PositionScores {
  const largest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
  const logprobOf = (logit: number) => logit - largest - Math.log(total);
  const top = likeliest(logits, topCount).map((token) => ({ token, logprob: logprobOf(logits[token]!) }));
  return { top, logprobOf };
}

/** The likeliest tokens, the likeliest first, of equal ones the lowest. */
function likeliest(logits: Float32Array, count: number): number[] {
  const found: number[] = [];
  if (count === 0) return found;
  for (let token = 0; token < logits.length; token++) {
    const last = found.at(-1);
    if (found.length === count && !(logits[token]! > logits[last!]!)) continue;
    const place = found.findIndex((other) => logits[token]! > logits[other]!);
    found.splice(place < 0 ? found.length : place, 0, token);
    if (found.length > count) found.pop();
  }
  return found;
}
