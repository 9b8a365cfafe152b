/** Bodies of JSON, read when the guard has let the request in: nobody without a key has one read. */
import { promisify } from 'node:util';
import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import express, { type Request, type Response } from 'express';
import { ApiError } from '../errors/api-error.js';
import { letBodyCome } from './expectations.js';
import { IS_UPLOAD } from './upload-body.js';

/** Jobs with at most 16 sample prompts; conversations. */
const maxJsonBytes = 1024 * 1024;

const parse = promisify(express.json({ limit: maxJsonBytes, strict: false }));

@Injectable()
export class JsonBodies implements NestInterceptor {
  constructor(@Inject(Reflector) private readonly reflector: Reflector) {}

  async intercept(context: ExecutionContext, handler: CallHandler) {
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    const isUpload = this.reflector.get<boolean | undefined>(IS_UPLOAD, context.getHandler());
    if (!isUpload && request.is('json')) await read(request, http.getResponse<Response>());
    return handler.handle();
  }
}

/** Throws ApiError `body_too_large` as soon as that is known, by what is declared or by what comes. */
async function read(request: Request, response: Response): Promise<void> {
  if (Number(request.headers['content-length'] ?? 0) > maxJsonBytes) throw tooLarge();
  letBodyCome(request);
  await new Promise<void>((resolve, reject) => {
    let seen = 0;
    const count = (piece: Buffer) => {
      seen += piece.length;
      if (seen > maxJsonBytes) reject(tooLarge());
    };
    request.on('data', count);
    parse(request, response)
      .finally(() => request.off('data', count))
      .then(resolve, reject);
  });
}

function tooLarge(): ApiError {
  const message = `the body is larger than ${maxJsonBytes} bytes, the most that a JSON body may have here`;
  return new ApiError('body_too_large', message);
}
