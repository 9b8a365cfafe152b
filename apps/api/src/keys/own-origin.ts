/** Keeps web pages of other sites from using a server that is open to its own machine. */
import type { IncomingMessage } from 'node:http';
import { isLoopback } from '#platform/config.js';
import { ApiError } from '../errors/api-error.js';

/**
 * A request without a key must name this machine in its Host header (else a page could point its own name here) and,
 * if it comes from a page, that page must be the server's own or one of the origins that are named. Throws ApiError 403.
 */
export function requireOwnOrigin({ headers }: IncomingMessage, origins: readonly string[]): void {
  const host = hostOf(`http://${headers.host ?? ''}`);
  if (host === undefined || !isLoopback(host.name)) {
    throw new ApiError(
      'host_not_allowed',
      'without an API key this server answers only under the names of its own machine, such as localhost; `lowrank keys create` makes a key',
    );
  }
  const { origin } = headers;
  // Not `*`: it lets in whoever has a key.
  if (origin === undefined || origins.includes(origin)) return;
  const page = hostOf(origin);
  if (page === undefined || !isLoopback(page.name)) {
    throw new ApiError(
      'origin_not_allowed',
      'without an API key this server accepts no requests from pages of other sites; `lowrank keys create` makes a key, and LOWRANK_CORS_ORIGINS names pages that need none',
    );
  }
}

function hostOf(url: string): { name: string } | undefined {
  if (!URL.canParse(url)) return undefined;
  return { name: new URL(url).hostname.replace(/^\[(.*)\]$/, '$1') };
}
