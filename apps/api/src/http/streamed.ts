/** Answers that go out as they are read. */
import type { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import type { Response } from 'express';
import type { Log } from '#platform/log.js';
import { answerFor } from '../errors/error-answer.js';

/**
 * An answer of bytes. If reading fails before the first of them, the client gets an error like any other; afterwards the
 * connection breaks, so that what came is not taken for the whole.
 */
export function streamed(content: Readable, log: Log, options: StreamableFile['options']): StreamableFile {
  return new StreamableFile(content, options)
    .setErrorHandler((error, response) => {
      log.error({ err: error }, 'an answer broke off');
      const answer = response as unknown as Response;
      if (answer.headersSent || answer.destroyed) {
        answer.destroy();
        return;
      }
      const { status, body } = answerFor(error);
      answer.removeHeader('content-disposition');
      answer.removeHeader('content-length');
      answer.status(status).type('json').send(JSON.stringify(body));
    })
    .setErrorLogger((error) => log.warn({ err: error }, 'an answer broke off'));
}
