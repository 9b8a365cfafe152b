import { type ErrorCode, errorCodeOf, type ErrorKind, traitsOf } from './error-codes.js';

/**
 * The root of every typed error of the project: a stable code for programs, a message for people.
 *
 * The message names the thing that is wrong and what to do about it.
 */
export class LowrankError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.details = options.details ?? {};
  }

  /** Facts about the failure for programs: names, sizes, positions. */
  readonly details: Readonly<Record<string, unknown>>;

  /** Whose trouble it is. */
  get kind(): ErrorKind {
    return traitsOf(this.code).kind;
  }
}

/** Something the project knows of but does not do: an architecture, an option, a file format. */
export class UnsupportedError extends LowrankError {
  constructor(message: string, details?: Readonly<Record<string, unknown>>) {
    super('unsupported', message, { details });
  }
}

/** An error as it crosses the border of a process: a code for programs, a message for people. */
export interface ErrorFacts {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** What another process is told of anything that was thrown; what neither we nor the file system named is a bug. */
export function factsOf(error: unknown): ErrorFacts {
  if (error instanceof LowrankError)
    return { code: error.code, message: error.message, details: error.details };
  const message = error instanceof Error ? error.message : String(error);
  if (isDiskFull(error)) {
    return { code: 'disk_full', message: `no room is left on the disk (${message})`, details: {} };
  }
  return { code: isFileError(error) ? 'file_access' : 'internal_error', message, details: {} };
}

/** Of the file system, of its quotas, and of Postgres. */
const fullCodes = new Set<unknown>(['ENOSPC', 'EDQUOT', '53100']);

/** Whether something could not be written for want of room, also where that is the cause of another error. */
export function isDiskFull(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  return fullCodes.has(code) || (cause !== undefined && cause !== error && isDiskFull(cause));
}

/** A refusal of the file system, whose message names the call and the path. */
export function isFileError(error: unknown): boolean {
  return error instanceof Error && 'errno' in error && 'path' in error;
}

/** The error that another process reports. */
export function errorOf(facts: {
  code: string;
  message: string;
  details?: Record<string, unknown>;
}): LowrankError {
  return new LowrankError(errorCodeOf(facts.code), facts.message, { details: facts.details });
}

/** Whose trouble anything that was thrown is. */
export function kindOf(error: unknown): ErrorKind {
  return error instanceof LowrankError ? error.kind : 'bug';
}
