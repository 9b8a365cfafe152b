/** Bodies of JSON, read when the guard has let the request in: nobody without a key has one read. */
import { promisify } from 'node:util';
import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  SetMetadata,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import express, { type Request, type Response } from 'express';
import { ApiError } from '../errors/api-error.js';
import { projectOf } from '../keys/caller.js';
import { BodyTurns, largeBody } from './body-turns.js';
import { letBodyCome } from './expectations.js';
import { findOversized } from '#base/json-size.js';
import { refuse } from './refuse-field.js';
import { IS_UPLOAD } from './upload-body.js';

/** Jobs with at most 16 sample prompts; conversations. */
const usualJsonBytes = 1024 * 1024;

const LONGEST_JSON = 'lowrank:longest-json';

/** How many bytes the JSON of a route may have, where that is more than others may. */
export const LongestJson = (bytes: number): MethodDecorator => SetMetadata(LONGEST_JSON, bytes);

/** The parser for each limit. */
const readers = new Map<number, (request: Request, response: Response) => Promise<void>>();

function readerOf(limit: number) {
  const reader = readers.get(limit) ?? promisify(express.text({ limit, type: () => true }));
  readers.set(limit, reader);
  return reader;
}

@Injectable()
export class JsonBodies implements NestInterceptor {
  private readonly turns = new BodyTurns();

  constructor(@Inject(Reflector) private readonly reflector: Reflector) {}

  async intercept(context: ExecutionContext, handler: CallHandler) {
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    const isUpload = this.reflector.get<boolean | undefined>(IS_UPLOAD, context.getHandler());
    if (!isUpload && request.is('json')) {
      const handled = context.getHandler();
      const limit = this.reflector.get<number | undefined>(LONGEST_JSON, handled) ?? usualJsonBytes;
      await read(request, http.getResponse<Response>(), limit);
      await this.parse(request);
    }
    return handler.handle();
  }

  private async parse(request: Request): Promise<void> {
    const text = request.body as unknown;
    if (typeof text !== 'string') return;
    if (text.length > largeBody) await this.turns.next(projectOf(request));
    refuse(findOversized(text), 'body');
    request.body = text === '' ? {} : parseJson(text);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const { message } = cause as Error;
    throw new ApiError('invalid_request', `the body is not JSON: ${message.slice(0, 200)}`, { cause });
  }
}

/** Reads the text of the body. Throws ApiError `body_too_large` as soon as that is known, by what is declared or by what comes. */
async function read(request: Request, response: Response, limit: number): Promise<void> {
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge(limit);
  letBodyCome(request);
  await new Promise<void>((resolve, reject) => {
    let seen = 0;
    const count = (piece: Buffer) => {
      seen += piece.length;
      if (seen > limit) reject(tooLarge(limit));
    };
    request.on('data', count);
    readerOf(limit)(request, response)
      .finally(() => request.off('data', count))
      .then(resolve, reject);
  });
}

function tooLarge(limit: number): ApiError {
  const message = `the body is larger than ${limit} bytes, the most that a JSON body may have here`;
  return new ApiError('body_too_large', message);
}
