/** What an attempt's end means for its job, given what was requested. */
import { factsOf } from '#base/errors.js';
import type { AttemptOutcome } from '#jobs/endings.js';
import { InputError } from './input-files.js';
import { shownText } from './run-records.js';
import type { RunEnd } from './trainer-run.js';

/** What is requested of a running attempt; a later one in this list replaces an earlier one. */
export const attemptActions = ['go on', 'pause', 'hand over', 'cancel', 'lost'] as const;
export type AttemptAction = (typeof attemptActions)[number];

/** The outcome of an attempt that was stopped by this action; undefined if it was not to be stopped. */
export function outcomeOfAction(action: AttemptAction): AttemptOutcome | undefined {
  if (action === 'cancel') return { end: 'cancelled' };
  if (action === 'pause') return { end: 'paused' };
  return action === 'go on' ? undefined : { end: 'handed_over' };
}

/** The outcome of a trainer's end that is no success. */
export function outcomeOfEnd(
  end: Exclude<RunEnd, { kind: 'finished' }>,
  action: AttemptAction,
): AttemptOutcome {
  if (end.kind === 'failed') {
    const { code, message } = end.error;
    return { end: 'failed', error: { code, message: shownText(message, end.error) } };
  }
  const outcome = outcomeOfAction(action);
  if (outcome) return outcome;
  // Somebody asked the trainer itself to stop, or killed it.
  return end.kind === 'cancelled' ? { end: 'handed_over' } : { end: 'lost', error: end.error, killed: true };
}

/** The outcome of an error in the worker: of the job if it names what is not there, else worth another try. */
export function outcomeOfError(error: unknown): AttemptOutcome {
  const isInput = error instanceof InputError;
  const facts = factsOf(error);
  return {
    end: 'failed',
    error: {
      code: facts.code,
      message: shownText(facts.message, error),
      param: isInput ? error.field : null,
    },
  };
}

/** The outcome of a run that no worker has room for. */
export function outcomeOfMemory(neededBytes: number, availableBytes: number): AttemptOutcome {
  const megabytes = (bytes: number) => Math.round(bytes / 1e6).toLocaleString('en');
  const message =
    `the run needs about ${megabytes(neededBytes)} MB of memory and no worker has more than ${megabytes(availableBytes)}: ` +
    'lower block_length or batch_size, choose a smaller base model, or start a worker on a larger machine';
  return { end: 'failed', error: { code: 'out_of_memory_predicted', message } };
}
