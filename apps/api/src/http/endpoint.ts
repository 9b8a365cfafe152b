/** What every route says of itself in the API's document, in one decorator. */
import { applyDecorators, HttpCode } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { z } from 'zod';
import { errorBody } from '#contracts/http/errors.js';
import { AdminOnly } from '../keys/admin-only.js';

export interface EndpointOptions {
  /** What the route does, in one line. */
  readonly summary: string;
  /** Schema of the answer; left out for bytes and streams. */
  readonly answer?: z.ZodType;
  /** 200, as OpenAI answers every request that worked. */
  readonly status?: number;
  /** Content type of an answer that is no JSON. */
  readonly produces?: string;
  /** Whether the answer is a file, of which a client may ask for parts. */
  readonly isFile?: boolean;
  /** Whether no key is needed. */
  readonly isPublic?: boolean;
  /** Whether only administrators may. */
  readonly isAdmin?: boolean;
}

const refusals = {
  400: 'The request is wrong; `param` and `problems` name the fields',
  401: 'No key, or one that is not known',
  404: "There is no such object, or it is another project's",
};

const partial = {
  206: 'The parts of the file that the Range header asks for',
  304: 'The client has the file: If-None-Match or If-Modified-Since says so',
  412: 'The file is not the one that If-Match or If-Unmodified-Since asks for',
  416: 'The file has none of the bytes that the Range header asks for',
};

export function Endpoint({
  summary,
  answer,
  produces,
  status = 200,
  isFile = false,
  isPublic = false,
  isAdmin = false,
}: EndpointOptions): MethodDecorator {
  return applyDecorators(
    HttpCode(status),
    ApiOperation({ summary }),
    ApiResponse({
      status,
      description: 'Done',
      ...(answer ? { standardSchema: answer } : {}),
      ...(produces ? { content: { [produces]: { schema: { type: 'string', format: 'binary' } } } } : {}),
    }),
    ...(isFile
      ? [
          ApiHeader({
            name: 'Range',
            required: false,
            description: 'Such as bytes=0-99, bytes=100- or bytes=-5',
          }),
          ...Object.entries(partial).map(([code, description]) =>
            ApiResponse({ status: Number(code), description }),
          ),
        ]
      : []),
    ...(isAdmin ? [AdminOnly(), refusal(403, "The key is not an administrator's")] : []),
    ...(isPublic
      ? []
      : [
          ApiBearerAuth(),
          ...Object.entries(refusals).map(([code, description]) => refusal(Number(code), description)),
        ]),
  );
}

const refusal = (status: number, description: string) =>
  ApiResponse({ status, description, standardSchema: errorBody });
