/** What can go wrong between this program and a server. */
import { type ErrorCode, errorCodeOf } from '#base/error-codes.js';
import { errorBody } from '#contracts/http/errors.js';
import { LowrankError } from '#base/errors.js';

/** An answer of the server that is an error; the message is the server's. */
export class ApiError extends LowrankError {
  constructor(
    readonly status: number,
    code: ErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>>,
  ) {
    super(code, message, { details: { status, ...details } });
  }
}

/** Reads an error out of a response that is not ok. */
export async function apiError(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  const { status } = response;
  const request = response.headers.get('x-request-id');
  const parsed = errorBody.safeParse(jsonOf(text));
  if (!parsed.success) {
    const message = `the server answered ${status} without saying why${text ? `: ${text.slice(0, 200)}` : ''}`;
    return new ApiError(status, 'answer_unexpected', message, { request });
  }
  const { message, type, param, code, problems } = parsed.data.error;
  return new ApiError(status, errorCodeOf(code ?? '', 'answer_unexpected'), message, {
    request,
    type,
    param,
    problems,
  });
}

/** `server_unreachable`: nobody answers at the address. */
export function unreachable(url: string, cause: unknown): LowrankError {
  return new LowrankError(
    'server_unreachable',
    `no server answers at ${url} (${reasonOf(cause)}): start one with "lowrank start", or name another with --url or LOWRANK_URL`,
    { cause, details: { url } },
  );
}

/** `answer_unexpected`: something answers, but not as the API of this version does. */
export function unexpectedAnswer(url: string, what: string, cause?: unknown): LowrankError {
  return new LowrankError(
    'answer_unexpected',
    `${url} does not answer as a Lowrank server of this version does (${what}): look at the address, and at the versions of both sides`,
    { cause, details: { url } },
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The code of the system or of the HTTP client below a failed fetch, such as ECONNREFUSED. */
export function networkCode(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown };
    if (typeof code === 'string') return code;
  }
  return undefined;
}

function reasonOf(error: unknown): string {
  const code = networkCode(error);
  if (code !== undefined) return code;
  const deepest = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return deepest instanceof Error ? deepest.message : String(deepest);
}

/** Whether an error is the connection's or the server's trouble, and not one of the code that reads the answer. */
export function isBreak(error: unknown): boolean {
  if (error instanceof LowrankError) return error instanceof ApiError || error.code === 'server_unreachable';
  if (networkCode(error) !== undefined) return true;
  return error instanceof TypeError && (error.message === 'terminated' || error.message === 'fetch failed');
}
