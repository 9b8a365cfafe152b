/** A server that a proxy shows under a path of its host. */
import type { NextFunction, Request, Response } from 'express';
import { LowrankError } from '#base/errors.js';

/** First parts of the addresses that the server itself has, beside the views of its page. */
const ownRoots = ['v1', 's', 'docs', 'docs-json', 'health', 'ready', 'metrics', 'assets', 'icon.svg'];

/**
 * Takes the prefix off the addresses of requests. Those without it are served too: some proxies take it off themselves.
 * Throws LowrankError `configuration` for a prefix that an address of the server begins with.
 */
export function withoutPrefix(prefix: string, viewPaths: readonly string[]) {
  const roots = [...ownRoots, ...viewPaths.map((path) => path.split('/')[1]!)];
  const [, root = ''] = prefix.split('/');
  if (root !== '' && roots.includes(root)) {
    const message = `LOWRANK_PATH_PREFIX must not begin with /${root}, which the server has itself: choose another path`;
    throw new LowrankError('configuration', message);
  }
  return (request: Request, _response: Response, next: NextFunction): void => {
    const { url } = request;
    if (prefix !== '' && url.startsWith(prefix)) {
      const rest = url.slice(prefix.length);
      if (/^(?:$|[/?])/.test(rest)) request.url = rest.startsWith('/') ? rest : `/${rest}`;
    }
    next();
  };
}
