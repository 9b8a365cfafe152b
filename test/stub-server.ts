/** An HTTP server that answers as a test says. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly bytes: Buffer;
}

export interface StubServer {
  readonly url: string;
  readonly port: number;
  readonly seen: SeenRequest[];
  close(): Promise<void>;
}

export type StubAnswer = (request: SeenRequest, response: ServerResponse, count: number) => void;

export async function stubServer(answer: StubAnswer, port = 0): Promise<StubServer> {
  const seen: SeenRequest[] = [];
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const { pathname: path, searchParams: query } = new URL(request.url ?? '/', 'http://stub');
    const bytes = await buffer(request).catch(() => null);
    // Broken off by the client: nothing arrived.
    if (bytes === null) return;
    const body = bytes.toString('utf8');
    const one = { method: request.method ?? '', path, query, headers: request.headers, body, bytes };
    seen.push(one);
    answer(one, response, seen.length);
  };
  const server = createServer((request, response) => void handle(request, response));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    seen,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export function sendJson(response: ServerResponse, value: unknown, status = 200, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
}

export function sendError(
  response: ServerResponse,
  status: number,
  error: Record<string, unknown>,
  headers = {},
): void {
  const whole = { type: 'invalid_request_error', param: null, code: null, ...error };
  sendJson(response, { error: whole }, status, headers);
}
