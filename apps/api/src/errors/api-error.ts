/** A refusal of the API: which field is wrong, and the status where it does not follow from the code. */
import { type ErrorCode, traitsOf } from '#base/error-codes.js';
import { LowrankError } from '#base/errors.js';
import type { RequestProblem } from '#contracts/http/errors.js';

export interface ApiErrorOptions {
  /** The first field that is wrong. */
  readonly param?: string | null;
  readonly problems?: readonly RequestProblem[];
  readonly cause?: unknown;
  /** 400 where a field of the body names what is not there; by itself the status follows from the code. */
  readonly status?: number;
}

export class ApiError extends LowrankError {
  readonly status: number;
  readonly param: string | null;
  readonly problems: readonly RequestProblem[] | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    { param = null, problems, cause, status = traitsOf(code).status }: ApiErrorOptions = {},
  ) {
    super(code, message, { cause });
    this.status = status;
    this.param = param;
    this.problems = problems;
  }
}

/** What an address can name. */
const notFoundCodes = {
  adapter: 'adapter_not_found',
  checkpoint: 'checkpoint_not_found',
  file: 'file_not_found',
  'fine-tuning job': 'fine_tuning_job_not_found',
  model: 'model_not_found',
  permission: 'permission_not_found',
  registration: 'registration_not_found',
  share: 'share_not_found',
  upload: 'upload_not_found',
  webhook: 'webhook_not_found',
} as const;

/** An object that is not there, or is another project's: the two look alike. */
export function notFound(what: keyof typeof notFoundCodes, id: string): ApiError {
  return new ApiError(notFoundCodes[what], `there is no ${what} ${id}`, { param: 'id' });
}

/** Whether the caller is to blame for an error, and no field was named yet. */
export function isCallers(error: unknown): error is LowrankError {
  return error instanceof LowrankError && !(error instanceof ApiError) && error.kind === 'caller';
}

/** Runs what reads something that a field of the body names; what the caller is to blame for then names the field. */
export async function blaming<T>(param: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isCallers(error)) throw error;
    throw new ApiError(error.code, error.message, { param, status: 400, cause: error });
  }
}
