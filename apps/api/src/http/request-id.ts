/** A name for every request, the client's own if it gave a sound one. */
import type { NextFunction, Request, Response } from 'express';
import { newId } from '#platform/ids.js';

const sound = /^[A-Za-z0-9._:-]{1,128}$/;

export function nameRequests(request: Request, response: Response, next: NextFunction): void {
  const given = request.headers['x-request-id'];
  const id = typeof given === 'string' && sound.test(given) ? given : newId('req');
  request.headers['x-request-id'] = id;
  response.setHeader('x-request-id', id);
  next();
}
