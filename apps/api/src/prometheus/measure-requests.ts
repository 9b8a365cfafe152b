import type { NextFunction, Request, Response } from 'express';
import type { PrometheusService } from './prometheus.service.js';

/** A handler that times every request. */
export function measureRequests(service: PrometheusService) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const startedAt = performance.now();
    response.once('close', () => {
      const { path: route = 'unknown' } = (request.route ?? {}) as { path?: string };
      const seconds = (performance.now() - startedAt) / 1000;
      // A stream lasts as long as its job: it would say nothing about how fast answers are.
      if (response.getHeader('content-type')?.toString().startsWith('text/event-stream')) return;
      service.observe(request.method, route, response.statusCode, seconds);
    });
    next();
  };
}
