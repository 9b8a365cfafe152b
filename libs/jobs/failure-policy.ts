/** What an attempt that failed means for its job or task: one rule for both, by the kind of the error. */
import type { ErrorKind } from '#base/error-codes.js';

export interface FailurePolicy {
  /** Failures by a bug after which the work has failed. */
  readonly bugTries: number;
  /** Times in a row that its process may be killed from outside without coming any further. */
  readonly killsWithoutProgress: number;
  /** Seconds before the next try, by how often it failed this way in a row; the last one stays. */
  readonly delays: Readonly<Record<Exclude<ErrorKind, 'caller'>, readonly number[]>>;
}

export const failurePolicy: FailurePolicy = {
  bugTries: 3,
  killsWithoutProgress: 5,
  delays: { bug: [1, 10], transient: [0, 1, 5, 15, 30], machine: [5, 10, 20, 40, 60, 120, 300] },
};

/**
 * What follows from a failure.
 *
 * `fail`: the work is over. `retry`: it is tried again after a while, and says so in its history. `wait`: it is tried
 * again after a while, says in its row what somebody has to mend, and never fails by how often that was.
 */
export type Verdict =
  | { readonly does: 'fail' }
  | { readonly does: 'retry'; readonly seconds: number }
  | { readonly does: 'wait'; readonly seconds: number };

/** `count` is how often the work failed this way in a row, this time included. */
export function verdictOn(kind: ErrorKind, count: number, policy: FailurePolicy): Verdict {
  if (kind === 'caller' || (kind === 'bug' && count >= policy.bugTries)) return { does: 'fail' };
  const delays = policy.delays[kind];
  const seconds = delays[Math.min(count, delays.length) - 1] ?? 0;
  return { does: kind === 'machine' ? 'wait' : 'retry', seconds };
}
