/** One log entry for each answered request, without headers and queries: they may hold secrets. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Options } from 'pino-http';
import type { Log } from '#platform/log.js';
import { loggedPath } from './logged-path.js';

/** Asked for all the time by machines, and of no interest. */
const quiet = /^\/(health|ready|metrics)\b/;

export function requestLog(log: Log): Options {
  return {
    logger: log,
    genReqId: (request) => String(request.headers['x-request-id']),
    serializers: {
      req: ({ id, method, url }: { id: string; method: string; url: string }) => ({
        id,
        method,
        url: loggedPath(url),
      }),
      res: ({ statusCode }: { statusCode: number }) => ({ status: statusCode }),
    },
    customLogLevel: (request: IncomingMessage, response: ServerResponse, error?: Error) => {
      if (error !== undefined || response.statusCode >= 500) return 'warn';
      return quiet.test(request.url ?? '') ? 'debug' : 'info';
    },
  };
}
