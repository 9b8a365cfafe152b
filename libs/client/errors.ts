/** What can go wrong between a program and a server; every method of the client throws these. */
import type { z } from 'zod';
import { type ErrorCode, errorCodeOf } from '#base/error-codes.js';
import { LowrankError } from '#base/errors.js';
import { errorBody, type RequestProblem } from '#contracts/http/errors.js';

/** An answer of the server that is an error; the message is the server's. */
export class ApiError extends LowrankError {
  constructor(
    readonly status: number,
    code: ErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> & { readonly problems?: readonly RequestProblem[] } = {},
  ) {
    super(code, message, { details: { status, ...details } });
    this.problems = details.problems ?? [];
  }

  /** Everything that is wrong with the request, where there can be several. */
  readonly problems: readonly RequestProblem[];
}

/** Reads an error out of a response that is not ok. */
export async function apiError(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  const { status } = response;
  const request = response.headers.get('x-request-id');
  return (
    errorInBody(parseJson(text), status, { request }) ??
    new ApiError(
      status,
      'answer_unexpected',
      `the server answered ${status} without saying why${text ? `: ${text.slice(0, 200)}` : ''}`,
      { request },
    )
  );
}

/** The error that the JSON of an answer, or of an event in a stream, tells of; undefined if it is none. */
export function errorInBody(
  body: unknown,
  status: number,
  details: Readonly<Record<string, unknown>> = {},
): ApiError | undefined {
  const parsed = errorBody.safeParse(body);
  if (!parsed.success) return undefined;
  const { message, type, param, code, problems } = parsed.data.error;
  return new ApiError(status, errorCodeOf(code ?? '', 'answer_unexpected'), message, {
    ...details,
    type,
    param,
    problems,
  });
}

/** `server_unreachable`: nobody answers at the address, or the connection broke. */
export function unreachable(url: string, cause: Error, help = ''): LowrankError {
  const message = `no server answers at ${url} (${cause.message})${help && `: ${help}`}`;
  return new LowrankError('server_unreachable', message, { cause, details: { url } });
}

/** `answer_unexpected`: something answers, but not as the API of this version does. */
export function unexpectedAnswer(url: string, what: string, cause?: unknown): LowrankError {
  return new LowrankError(
    'answer_unexpected',
    `${url} does not answer as a Lowrank server of this version does (${what}): check the address, and the versions of both sides`,
    { cause, details: { url } },
  );
}

/** The first thing that is wrong with an answer. */
export function firstIssue({ issues: [issue] }: z.ZodError): string {
  return `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim();
}

/** Undefined for what is not JSON, and JSON has no undefined. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether another try may help: the connection broke, or the server had a problem of its own. */
export function isTemporary(error: unknown): boolean {
  return error instanceof ApiError
    ? error.status >= 500
    : error instanceof LowrankError && error.code === 'server_unreachable';
}
