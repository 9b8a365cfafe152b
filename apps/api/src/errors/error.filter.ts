import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { Log } from '#platform/log.js';
import { linger } from '../http/linger.js';
import { loggedPath } from '../http/logged-path.js';
import { isAdministrators } from '../keys/caller.js';
import { answerFor } from './error-answer.js';

/** Answers every error in OpenAI's form. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly log: Log) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<Request>();
    const response = http.getResponse<Response>();
    const answer = answerFor(error, { showsPaths: isAdministrators(request) });
    if (answer.status >= 500) {
      this.log.error(
        { err: error, requestId: response.getHeader('x-request-id'), url: loggedPath(request.path) },
        'request failed',
      );
    }
    if (response.headersSent) {
      // What was begun cannot be taken back: a broken connection is all that can tell.
      response.destroy();
      return;
    }
    response.status(answer.status).set(answer.headers).json(answer.body);
    linger(request);
  }
}
