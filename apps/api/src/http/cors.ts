/** Web pages of other origins that may use the API. */
import type { CorsOptions } from '@nestjs/common/interfaces/external/cors-options.interface.js';

/** Headers of answers that scripts may read beside those that they always may. */
const exposed = [
  'accept-ranges',
  'content-disposition',
  'content-range',
  'etag',
  'retry-after',
  'warning',
  'x-request-id',
  'x-should-retry',
];

/** Keys are sent in a header, so no cookies are asked for; headers of requests are allowed as they are asked for. */
export function corsOptions(origins: readonly string[]): CorsOptions {
  return {
    origin: origins.includes('*') ? '*' : [...origins],
    methods: ['GET', 'HEAD', 'POST', 'DELETE'],
    exposedHeaders: exposed,
    maxAge: 600,
  };
}
