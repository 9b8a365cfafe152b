/** From anything that was thrown to the answer that a client gets. */
import { HttpException } from '@nestjs/common';
import { type ErrorCode, traitsOf } from '#base/error-codes.js';
import { hidePaths, pathsOf } from '#base/hide-paths.js';
import { z } from 'zod';
import { type DataProblem, describeProblem } from '#data/data-error.js';
import type { ErrorBody, RequestProblem } from '#contracts/http/errors.js';
import { isDiskFull, LowrankError, UnsupportedError } from '#base/errors.js';
import { ApiError } from './api-error.js';

export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ErrorBody;
}

/** Fields of a job that these codes are about where the error does not say it. */
const params: Partial<Readonly<Record<ErrorCode, string>>> = {
  no_target_modules: 'lora.target_modules',
  rank_too_large: 'lora.r',
  lora_config_invalid: 'lora',
  training_options_invalid: 'training',
  invalid_data: 'file',
};

const maxShown = 5;
const maxProblems = 50;
const maxMessage = 4000;

/** Refusals that clients may send again as they are. */
const worthRetrying = [408, 409, 425, 429];

/** The answer to an error; what is not meant for clients becomes a plain 500. Paths are for administrators only. */
export function answerFor(error: unknown, { showsPaths = false } = {}): ErrorAnswer {
  const { status, code, message, param = null, problems, retryAfterSeconds = 2 } = describe(error);
  const known = showsPaths ? [] : pathsOf(error);
  const shown = (text: string) => (showsPaths ? text : hidePaths(text, known));
  const headers: Record<string, string> = {};
  if (status < 500 && !worthRetrying.includes(status)) headers['x-should-retry'] = 'false';
  if (status === 503 || status === 429) headers['retry-after'] = String(retryAfterSeconds);
  if (status === 401) headers['www-authenticate'] = 'Bearer';
  return {
    status,
    headers,
    body: {
      error: {
        message: shown(message).slice(0, maxMessage),
        type: typeOf(status),
        param: param?.slice(0, 200) ?? null,
        code,
        ...(problems
          ? { problems: problems.slice(0, maxProblems).map((problem) => short(problem, shown)) }
          : {}),
      },
    },
  };
}

/** A client's own text comes back in messages, and must not make them endless. */
function short(problem: RequestProblem, shown: (text: string) => string): RequestProblem {
  const message = shown(problem.message).slice(0, 1000);
  return { ...problem, field: problem.field.slice(0, 200), message };
}

interface Description {
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly param?: string | null;
  readonly problems?: readonly RequestProblem[];
  /** For 429 and 503. */
  readonly retryAfterSeconds?: number;
}

function describe(error: unknown): Description {
  if (error instanceof ApiError) return error;
  if (error instanceof LowrankError && error.kind !== 'bug') return describeNamed(error);
  if (isDatabaseGone(error)) {
    return {
      status: 503,
      code: 'database_unavailable',
      message: 'the database does not answer: try again soon',
    };
  }
  if (isDiskFull(error)) {
    return {
      status: 507,
      code: 'disk_full',
      message: "the server's disk is full: make room there, then try again",
    };
  }
  if (error instanceof HttpException) return describeHttp(error.getStatus(), error.message);
  const { status, type, message } = (error ?? {}) as { status?: unknown; type?: unknown; message?: unknown };
  // Express and its parsers throw plain errors with a status.
  if (error instanceof Error && typeof status === 'number' && status >= 400 && status < 500) {
    return describeHttp(
      status,
      typeof type === 'string' ? parserMessage(type, String(message)) : String(message),
    );
  }
  return { status: 500, code: 'internal_error', message: 'the server failed; its log says why' };
}

/** An error of this process or of another one, which its facts tell. */
function describeNamed(error: LowrankError): Description {
  const { code, details } = error;
  const { status } = traitsOf(code);
  const problems = problemsIn.safeParse(details['problems']).data?.map(requestProblemOf);
  const param = paramOf(error) ?? problems?.[0]?.field ?? null;
  const message = code === 'invalid_data' ? dataMessage(details) : error.message;
  return { status, code, message, param, problems, retryAfterSeconds: retryAfter(details) };
}

/** Problems as the errors of several rooms list them. */
const problemsIn = z.array(
  z.object({
    field: z.string(),
    line: z.int().optional(),
    code: z.string().optional(),
    message: z.string().optional(),
    problem: z.string().optional(),
    fix: z.string().optional(),
  }),
);

function requestProblemOf({ message, problem, ...rest }: z.infer<typeof problemsIn>[number]): RequestProblem {
  return { ...rest, message: message ?? problem ?? '' };
}

function dataMessage(details: LowrankError['details']): string {
  const { problems, isComplete } = details as unknown as {
    readonly problems: readonly DataProblem[];
    readonly isComplete: boolean;
  };
  const shown = problems.slice(0, maxShown).map(describeProblem).join('; ');
  const hidden = problems.length - maxShown;
  const more =
    hidden > 0 || !isComplete ? ` (and ${Math.max(hidden, 0)}${isComplete ? '' : ' or'} more)` : '';
  return `${shown}${more}`;
}

function retryAfter({ retryAfterSeconds }: LowrankError['details']): number | undefined {
  return typeof retryAfterSeconds === 'number' ? retryAfterSeconds : undefined;
}

function paramOf(error: LowrankError): string | null {
  const { field, options } = error.details;
  if (typeof field === 'string') return field;
  if (error instanceof UnsupportedError && Array.isArray(options)) return String(options[0]);
  return params[error.code] ?? null;
}

function describeHttp(status: number, message: string): Description {
  const codes: Readonly<Record<number, ErrorCode>> = {
    400: 'invalid_request',
    404: 'unknown_url',
    408: 'request_timeout',
    413: 'body_too_large',
    415: 'unsupported_media_type',
  };
  return { status, code: codes[status] ?? 'invalid_request', message };
}

function parserMessage(type: string, message: string): string {
  if (type === 'entity.parse.failed') return `the body is not JSON: ${message.slice(0, 200)}`;
  if (type === 'entity.too.large') return 'the body is larger than a JSON body may be here';
  return message;
}

function typeOf(status: number): ErrorBody['error']['type'] {
  if (status === 401) return 'authentication_error';
  if (status === 404) return 'not_found_error';
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

/** Postgres refuses, is starting or stopping, or the connection broke. */
const goneCodes = /^(08...|57P0[1235]|53300|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)$/;
const goneMessages =
  /connection (terminated|ended|closed)|timeout exceeded when trying to connect|client has encountered a connection error|not queryable|Driver not Connected/i;

function isDatabaseGone(error: unknown): boolean {
  const { name, code, driverError } = (error ?? {}) as {
    name?: string;
    code?: unknown;
    driverError?: unknown;
  };
  const isOfDriver =
    name === 'QueryFailedError' || name === 'AggregateError' || name === 'ConnectionIsNotSetError';
  const inner = driverError ?? error ?? {};
  const {
    code: innerCode,
    message,
    errors,
  } = inner as { code?: unknown; message?: unknown; errors?: unknown[] };
  const codes = [code, innerCode, ...(errors ?? []).map((each) => (each as { code?: unknown }).code)];
  if (codes.some((each) => typeof each === 'string' && goneCodes.test(each))) return true;
  return (isOfDriver || inner instanceof Error) && typeof message === 'string' && goneMessages.test(message);
}
