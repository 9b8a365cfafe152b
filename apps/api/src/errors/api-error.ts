/** A refusal that knows its HTTP status. */
import type { RequestProblem } from '#contracts/http/errors.js';
import { LowrankError } from '#jit/errors.js';

export interface ApiErrorOptions {
  /** The first field that is wrong. */
  readonly param?: string | null;
  readonly problems?: readonly RequestProblem[];
  readonly cause?: unknown;
}

export class ApiError extends LowrankError {
  readonly param: string | null;
  readonly problems: readonly RequestProblem[] | undefined;

  constructor(
    readonly status: number,
    code: string,
    message: string,
    { param = null, problems, cause }: ApiErrorOptions = {},
  ) {
    super(code, message, { cause });
    this.param = param;
    this.problems = problems;
  }
}

/** An object that is not there, or is another project's: the two look alike. */
export function notFound(what: string, id: string): ApiError {
  return new ApiError(404, `${what.replaceAll(/[ -]/g, '_')}_not_found`, `there is no ${what} ${id}`, {
    param: 'id',
  });
}

/** Runs what reads something that the client named; a typed refusal then is the client's to put right. */
export async function blaming<T>(param: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LowrankError) || error instanceof ApiError) throw error;
    throw new ApiError(400, error.code, error.message, { param, cause: error });
  }
}
