/** Downloads that go on where they broke off. */
import { createParamDecorator, type ExecutionContext, HttpStatus } from '@nestjs/common';
import type { Request, Response } from 'express';

/** What the client has already of a file. */
export interface ByteRange {
  /** Answers with what follows the bytes that the client has, of so many; yields how many those are. */
  begin(bytes: number): number;
}

/** The range of a request, where it is `bytes=N-`; any other is answered with the whole, as HTTP allows. */
export const Range = createParamDecorator((_: unknown, context: ExecutionContext): ByteRange => {
  const http = context.switchToHttp();
  const { headers } = http.getRequest<Request>();
  const response = http.getResponse<Response>();
  const [, text] = /^bytes=(\d{1,15})-$/.exec(headers.range ?? '') ?? [];
  return {
    begin(bytes) {
      response.setHeader('accept-ranges', 'bytes');
      const from = Number(text ?? 0);
      if (from === 0 || from >= bytes) return 0;
      response.status(HttpStatus.PARTIAL_CONTENT);
      response.setHeader('content-range', `bytes ${from}-${bytes - 1}/${bytes}`);
      return from;
    },
  };
});
