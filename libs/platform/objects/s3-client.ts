/** The S3 client, made to give up on servers that fall silent, and requests that it has no method for. */
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { Client } from 'minio';
import type { S3Configuration } from '#platform/config.js';

/** A request whose server is silent for so long fails. */
const SILENCE_MS = 60_000;
/** How long an address with a signature is good: for one request and a slow connection. */
const SIGNATURE_SECONDS = 3600;

type Transport = Pick<typeof http, 'request'>;

export interface S3Request {
  readonly method: 'PUT' | 'POST';
  readonly bucket: string;
  readonly key: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string;
}

export interface S3Answer {
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export interface S3Client {
  readonly client: Client;
  /** Makes a request at an address that the client signs. Throws an error with the `code` that S3 answered. */
  send(request: S3Request): Promise<S3Answer>;
}

export function createS3Client(configuration: S3Configuration, partSize: number): S3Client {
  const endpoint = new URL(configuration.endpoint);
  const useSSL = endpoint.protocol === 'https:';
  const agent = new (useSSL ? https : http).Agent({ keepAlive: true, keepAliveMsecs: 10_000 });
  const transport = impatient(useSSL ? https : http);
  const client = new Client({
    endPoint: endpoint.hostname.replace(/^\[|\]$/g, ''),
    port: endpoint.port === '' ? undefined : Number(endpoint.port),
    useSSL,
    accessKey: configuration.accessKey,
    secretKey: configuration.secretKey,
    region: configuration.region,
    pathStyle: configuration.pathStyle,
    partSize,
    transport,
    transportAgent: agent,
    // It would print lines to the console; the store itself tries again.
    retryOptions: { disableRetry: true },
  });
  return {
    client,
    send: async ({ method, bucket, key, query, headers, body }) => {
      const address = await client.presignedUrl(method, bucket, key, SIGNATURE_SECONDS, { ...query });
      const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
        const options = { method, agent, headers: { ...headers, 'content-length': Buffer.byteLength(body) } };
        transport.request(address, options, resolve).once('error', reject).end(body);
      });
      const answer = await text(response);
      // The answer to a completed upload begins before the work is done, so an error can follow a good status.
      const code = /<Error>[^]*?<Code>([^<]*)<\/Code>/.exec(answer)?.[1];
      const status = response.statusCode ?? 0;
      if (code !== undefined || status >= 300) {
        throw Object.assign(new Error(`S3 answered ${status} to ${method} ${key}`), {
          code: code ?? `status ${status}`,
        });
      }
      return { headers: response.headers, body: answer };
    },
  };
}

/** Requests that fail when the server says nothing; once it answers, the reader sets the pace. */
function impatient({ request }: Transport): Transport {
  const watched = (...args: Parameters<typeof request>): http.ClientRequest => {
    const sent = request(...args);
    sent.once('response', () => sent.setTimeout(0));
    return sent.setTimeout(SILENCE_MS, () => {
      sent.destroy(new Error(`the server was silent for ${SILENCE_MS / 1000} s`));
    });
  };
  return { request: watched as typeof request };
}

/** The code of an error of S3, such as `NoSuchKey`; undefined for others. */
export function s3Code(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
