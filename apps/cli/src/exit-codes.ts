/** What the command ends with, for scripts. */
import { ApiError } from './client/errors.js';
import { LowrankError } from '#jit/errors.js';

export const exitCodes = {
  done: 0,
  /** Whatever has no code of its own. */
  failed: 1,
  /** Wrong arguments, or something that the server refuses as it is. */
  badInput: 2,
  unreachable: 3,
  /** No key, or one that does not count. */
  denied: 4,
  notFound: 5,
  /** Something else stands in the way: a port or home in use, a state that does not allow it. */
  conflict: 6,
  jobFailed: 7,
  jobCancelled: 8,
  interrupted: 130,
} as const;

/** Ctrl-C, or a request to end. */
export class Interrupted extends LowrankError {
  constructor(readonly by: NodeJS.Signals) {
    super('interrupted', `ended by ${by}`);
  }
}

const byCode: Readonly<Record<string, number>> = {
  usage: exitCodes.badInput,
  configuration: exitCodes.badInput,
  job_unreadable: exitCodes.badInput,
  file_unreadable: exitCodes.badInput,
  adapter_ambiguous: exitCodes.badInput,
  server_unreachable: exitCodes.unreachable,
  home_in_use: exitCodes.conflict,
  port_in_use: exitCodes.conflict,
  output_exists: exitCodes.conflict,
  model_name_taken: exitCodes.conflict,
  adapter_not_found: exitCodes.notFound,
  base_folder_unknown: exitCodes.notFound,
  key_not_found: exitCodes.notFound,
  model_not_registered: exitCodes.notFound,
  job_failed: exitCodes.jobFailed,
  job_cancelled: exitCodes.jobCancelled,
};

const byStatus: Readonly<Record<number, number>> = {
  400: exitCodes.badInput,
  401: exitCodes.denied,
  403: exitCodes.denied,
  404: exitCodes.notFound,
  409: exitCodes.conflict,
  413: exitCodes.badInput,
  415: exitCodes.badInput,
  422: exitCodes.badInput,
  503: exitCodes.unreachable,
};

/** Answered with 400, as OpenAI does, though nothing is wrong with the request. */
const ofState: ReadonlySet<string> = new Set(['job_finished', 'composition_finished', 'export_finished']);

/** The exit code of an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return exitCodes.interrupted;
  if (error instanceof ApiError && ofState.has(error.code)) return exitCodes.conflict;
  if (error instanceof ApiError) return byStatus[error.status] ?? exitCodes.failed;
  if (error instanceof LowrankError) return byCode[error.code] ?? exitCodes.failed;
  return exitCodes.failed;
}
