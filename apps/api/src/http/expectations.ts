/** Clients that ask with `Expect: 100-continue` whether they may send their body. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

const waiting = new WeakMap<IncomingMessage, ServerResponse>();

/**
 * Lets such requests wait for `letBodyCome`: whoever is refused for their headers, key or declared length sends nothing.
 * Node would tell each of them at once to go on.
 */
export function holdBodies(server: Server): void {
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    waiting.set(request, response);
    // Without its body the next request of the connection could not be told from it.
    response.shouldKeepAlive = false;
    server.emit('request', request, response);
  });
}

/** Tells a client that waits for it to send its body: everything else about the request is in order. */
export function letBodyCome(request: IncomingMessage): void {
  const response = waiting.get(request);
  if (!response) return;
  waiting.delete(request);
  response.shouldKeepAlive = true;
  response.writeContinue();
}
