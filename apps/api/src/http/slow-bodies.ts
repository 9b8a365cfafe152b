/** Cuts requests whose body stalls or drips: each holds a connection and, for uploads, room on the disk. */
import type { NextFunction, Request, Response } from 'express';
import { ApiError } from '../errors/api-error.js';
import { answerFor } from '../errors/error-answer.js';

export interface BodyPace {
  /** Longest pause between two pieces, in seconds. */
  readonly idleSeconds: number;
  /** Time that every body has, however slow, in seconds. */
  readonly graceSeconds: number;
  /** Least mean speed after that. */
  readonly bytesPerSecond: number;
}

export const defaultPace: BodyPace = { idleSeconds: 30, graceSeconds: 60, bytesPerSecond: 4096 };

/** A handler that watches the bodies of all requests by what comes in over their connection. */
export function limitSlowBodies(pace: BodyPace) {
  return (request: Request, response: Response, next: NextFunction): void => {
    if (hasBody(request)) watch(request, response, pace);
    next();
  };
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function watch(request: Request, response: Response, pace: BodyPace): void {
  const { socket } = request;
  const startedAt = performance.now();
  const bytesBefore = socket.bytesRead;
  let seenBytes = bytesBefore;
  let seenAt = startedAt;
  const stop = () => clearInterval(timer);
  const timer = setInterval(
    () => {
      if (request.complete || socket.destroyed) {
        stop();
        return;
      }
      const now = performance.now();
      if (socket.bytesRead > seenBytes) {
        seenBytes = socket.bytesRead;
        seenAt = now;
      }
      const seconds = (now - startedAt) / 1000;
      const isIdle = now - seenAt > 1000 * pace.idleSeconds;
      const isDripping =
        seconds > pace.graceSeconds && (seenBytes - bytesBefore) / seconds < pace.bytesPerSecond;
      if (!isIdle && !isDripping) return;
      stop();
      cut(request, response, isIdle ? 'stopped coming' : 'comes too slowly');
    },
    Math.min(1000, 250 * pace.idleSeconds),
  );
  timer.unref();
  request.once('close', stop);
}

function cut(request: Request, response: Response, what: string): void {
  // Whoever reads the body learns of it by its end.
  const end = () => request.destroy();
  if (response.headersSent) {
    end();
    return;
  }
  const error = new ApiError('request_timeout', `the body of the request ${what}: send it again`);
  const { status, headers, body } = answerFor(error);
  response.once('finish', end);
  response.setHeader('connection', 'close');
  response.status(status).set(headers).json(body);
}
