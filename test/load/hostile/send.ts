/** Sends a request as it stands, whatever sense it makes. */
import { Agent, request } from 'node:http';
import type { HostileRequest } from './hostile-request.js';

/** A server that closes a connection while the body still comes has answered; one that says nothing has not. */
export interface HostileAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** The beginning of what it says. */
  readonly text: string;
}

const longestSeconds = 120;
/** A stream lasts as long as its job. */
const streamed = 'text/event-stream';
const keptCharacters = 2000;

/** One for each client: a connection that was broken takes no other client's request with it. */
export function newAgent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 1 });
}

/** Throws where nothing is answered in two minutes. Status 0 is a connection that the server closed without a word. */
export function send(
  url: string,
  { what, method, path, headers = {}, body, missingBytes = 0 }: HostileRequest,
  agent: Agent,
): Promise<HostileAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const length = body === undefined ? 0 : Buffer.byteLength(body) + missingBytes;
    const declared = body === undefined ? {} : { 'content-length': String(length) };
    const sent = request(
      { hostname, port, method, path, headers: { ...declared, ...headers }, agent },
      (response) => {
        let text = '';
        const answer = () => {
          clearTimeout(timer);
          resolve({ status: response.statusCode!, retryAfter: response.headers['retry-after'], text });
        };
        response.setEncoding('latin1');
        response.on('data', (piece: string) => {
          text = (text + piece).slice(0, keptCharacters);
        });
        response.once('close', answer);
        if (response.headers['content-type']?.startsWith(streamed)) sent.destroy();
      },
    );
    const timer = setTimeout(() => {
      sent.destroy();
      reject(new Error(`${what}: ${method} ${path.slice(0, 80)} was not answered in ${longestSeconds} s`));
    }, 1000 * longestSeconds);
    sent.once('error', () => {
      clearTimeout(timer);
      resolve({ status: 0, retryAfter: undefined, text: '' });
    });
    if (missingBytes > 0) sent.write(body!, () => setTimeout(() => sent.destroy(), 200));
    else sent.end(body);
  });
}

/** Sends requests from so many clients at once; yields what each was answered. */
export async function sendAll(
  url: string,
  requests: readonly HostileRequest[],
  clients: number,
): Promise<(HostileAnswer & { readonly request: HostileRequest })[]> {
  const left = [...requests];
  const answers: (HostileAnswer & { readonly request: HostileRequest })[] = [];
  const client = async () => {
    const agent = newAgent();
    for (let request = left.shift(); request; request = left.shift()) {
      answers.push({ request, ...(await send(url, request, agent)) });
    }
    agent.destroy();
  };
  await Promise.all(Array.from({ length: clients }, client));
  return answers;
}
