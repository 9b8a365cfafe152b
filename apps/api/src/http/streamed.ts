/** Answers that go out as they are read. */
import type { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import type { Response } from 'express';
import type { Log } from '#platform/log.js';
import { answerFor } from '../errors/error-answer.js';

/** What is said of bytes that then do not come. */
const ofContent = [
  'accept-ranges',
  'content-disposition',
  'content-length',
  'content-range',
  'etag',
  'last-modified',
];

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
      for (const name of ofContent) answer.removeHeader(name);
      answer.status(status).type('json').send(JSON.stringify(body));
    })
    .setErrorLogger((error) => log.warn({ err: error }, 'an answer broke off'));
}
