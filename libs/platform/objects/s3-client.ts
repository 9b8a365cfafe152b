/** The S3 client, made to give up on servers that fall silent. */
import http from 'node:http';
import https from 'node:https';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { Client } from 'minio';
import type { S3Configuration } from '#platform/config.js';

export type S3Client = Client;

/** A request whose server is silent for so long fails. */
const SILENCE_MS = 60_000;

export function createS3Client(configuration: S3Configuration, partSize: number): S3Client {
  const endpoint = new URL(configuration.endpoint);
  const useSSL = endpoint.protocol === 'https:';
  const { request } = useSSL ? https : http;
  return new Client({
    endPoint: endpoint.hostname.replace(/^\[|\]$/g, ''),
    port: endpoint.port === '' ? undefined : Number(endpoint.port),
    useSSL,
    accessKey: configuration.accessKey,
    secretKey: configuration.secretKey,
    region: configuration.region,
    pathStyle: configuration.pathStyle,
    partSize,
    transport: {
      request: ((options: https.RequestOptions, answered?: (response: IncomingMessage) => void) => {
        const sent = request(options, (response) => {
          // From here on the reader sets the pace.
          sent.setTimeout(0);
          answered?.(response);
        });
        return sent.setTimeout(SILENCE_MS, () => {
          sent.destroy(new Error(`the server was silent for ${SILENCE_MS / 1000} s`));
        });
      }) as typeof http.request,
    },
    transportAgent: new (useSSL ? https : http).Agent({ keepAlive: true, keepAliveMsecs: 10_000 }),
    // It would print lines to the console; parts are tried again by the store.
    retryOptions: { disableRetry: true },
  });
}

/** The code of an error of S3, such as `NoSuchKey`; undefined for others. */
export function s3Code(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}

/** Reads an answer to its end, which frees its connection. */
export async function drain(response: IncomingMessage): Promise<string> {
  return text(response);
}
