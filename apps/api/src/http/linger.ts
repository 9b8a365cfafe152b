/** What becomes of a body whose request was answered before it was all there. */
import type { IncomingMessage } from 'node:http';

const maxMs = 5_000;

/**
 * Reads on and throws away, for some seconds: a client that is still sending would not see the answer if the connection
 * broke at once. Then the connection is cut.
 */
export function linger(request: IncomingMessage): void {
  if (request.complete || request.socket.destroyed) return;
  const { socket } = request;
  const timer = setTimeout(() => socket.destroy(), maxMs);
  const stop = () => {
    clearTimeout(timer);
    socket.off('close', stop);
  };
  request.once('end', stop);
  socket.once('close', stop);
  request.resume();
}
