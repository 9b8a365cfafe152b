/** What the command ends with, for scripts. */
import { exitCodes, exitOf, exitOfStatus, traitsOf } from '#base/error-codes.js';
import { LowrankError } from '#base/errors.js';
import { ApiError } from '#client/errors.js';

/** Ctrl-C, or a request to end. */
export class Interrupted extends LowrankError {
  constructor(readonly by: NodeJS.Signals) {
    super('interrupted', `ended by ${by}`);
  }
}

/** The exit code of an error; an answer of the server counts by its status unless its code says more. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof ApiError) return traitsOf(error.code).exit ?? exitOfStatus(error.status);
  return error instanceof LowrankError ? exitOf(error.code) : exitCodes.failed;
}
