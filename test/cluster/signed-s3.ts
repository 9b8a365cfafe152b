/**
 * An S3 server for tests that checks what a real one checks: the signature, in a header or in the address, and the digest
 * of every request, and the condition `If-None-Match: *`. Objects lie in s3rver, which checks none of them, behind it.
 */
import aws4 from 'aws4';
import { createHash, timingSafeEqual } from 'node:crypto';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { S3Configuration } from '#platform/config.js';
import { freePort, listen, startServer, stopServer } from './processes.js';

export interface SignedS3 {
  readonly configuration: S3Configuration;
  /** Uploads in parts that were neither completed nor aborted. */
  unfinishedUploads(): Promise<number>;
  /** Makes the server refuse connections until the returned function is called. */
  disappear(): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** s3rver knows one user, and takes any signature of theirs. */
const UPSTREAM_AUTHORIZATION =
  'AWS4-HMAC-SHA256 Credential=S3RVER/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=none';
const MOST_SKEW_MS = 15 * 60 * 1000;

export async function startSignedS3(bucket = 'lowrank-test'): Promise<SignedS3> {
  const folder = await mkdtemp(path.join(tmpdir(), 'lowrank-s3-'));
  const upstream = await freePort();
  const program = path.join(
    path.dirname(createRequire(import.meta.url).resolve('s3rver/package.json')),
    'bin/s3rver.js',
  );
  const child = await startServer(
    process.execPath,
    // Its listing of more than a thousand keys uses an old cipher.
    [
      '--openssl-legacy-provider',
      program,
      '-d',
      folder,
      '-a',
      '127.0.0.1',
      '-p',
      String(upstream),
      '--silent',
    ],
    { port: upstream, fix: 'run "npm ci"' },
  );
  const keys = { accessKey: 'test-access', secretKey: 'test-secret-of-the-tests' };
  const context: Context = { ...keys, region: 'us-east-1', upstream, last: Promise.resolve() };
  const server = createServer((incoming, answer) => {
    handle(incoming, answer, context).catch((error: unknown) => answer.destroy(error as Error));
  });
  const port = await listen(server, 0);
  return {
    configuration: {
      endpoint: `http://127.0.0.1:${port}`,
      bucket,
      ...keys,
      region: 'us-east-1',
      pathStyle: true,
    },
    unfinishedUploads: async () => {
      const names = await readdir(path.join(folder, `${bucket}._S3rver_uploads`)).catch(() => []);
      return names.length;
    },
    disappear: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      return async () => void (await listen(server, port));
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await stopServer(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Context {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly region: string;
  readonly upstream: number;
  /** Resolves when the requests that came before are answered: s3rver ends when two of them meet in one folder. */
  last: Promise<unknown>;
}

async function handle(incoming: IncomingMessage, answer: ServerResponse, context: Context): Promise<void> {
  const body = await buffer(incoming);
  const problem = whatIsWrong(incoming, body, context);
  if (problem !== null) return refuse(answer, 403, problem);
  const turn = context.last.then(async () => {
    const isTaken =
      incoming.headers['if-none-match'] === '*' && (await exists(incoming.url!.split('?')[0]!, context));
    return isTaken ? null : forward(incoming, body, context);
  });
  context.last = turn.catch(() => undefined);
  const response = await turn;
  if (response === null) return refuse(answer, 412, 'PreconditionFailed');
  answer.writeHead(response.status, response.headers);
  answer.end(response.body);
}

/** Null for a request that the owner of the key signed a short while ago, for this content. */
function whatIsWrong(incoming: IncomingMessage, body: Buffer, context: Context): string | null {
  const { method, url, headers } = incoming;
  const address = new URL(url!, 'http://server');
  if (address.searchParams.has('X-Amz-Signature'))
    return whatIsWrongInAddress(incoming, address, body, context);
  const authorization = headers.authorization ?? '';
  const fields =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  if (fields === null) return 'AccessDenied';
  const [, accessKey, region, signed] = fields as unknown as [string, string, string, string];
  if (accessKey !== context.accessKey) return 'InvalidAccessKeyId';
  if (region !== context.region) return 'AuthorizationHeaderMalformed';
  if (!(Math.abs(Date.now() - timeOf(String(headers['x-amz-date']))) < MOST_SKEW_MS))
    return 'RequestTimeTooSkewed';
  const names = signed.split(';');
  if (!['host', 'x-amz-date', 'x-amz-content-sha256'].every((name) => names.includes(name)))
    return 'AccessDenied';
  if (!digestMatches(headers, body)) return 'XAmzContentSHA256Mismatch';
  const signable = {
    service: 's3',
    region,
    method,
    path: url,
    headers: Object.fromEntries(names.map((name) => [name, headers[name]])),
    // Some headers it would leave out.
    extraHeadersToInclude: Object.fromEntries(names.map((name) => [name, true])),
  };
  const expected = aws4.sign(signable, { accessKeyId: accessKey, secretAccessKey: context.secretKey });
  const [mine, theirs] = [String(expected.headers?.['Authorization']), authorization].map(signatureOf);
  return mine !== undefined && theirs !== undefined && timingSafeEqual(mine, theirs)
    ? null
    : 'SignatureDoesNotMatch';
}

/** The same for an address that somebody signed beforehand. */
function whatIsWrongInAddress(
  { method, url, headers }: IncomingMessage,
  { searchParams }: URL,
  body: Buffer,
  context: Context,
): string | null {
  const credential = (searchParams.get('X-Amz-Credential') ?? '').split('/');
  if (credential[0] !== context.accessKey) return 'InvalidAccessKeyId';
  if (credential[2] !== context.region) return 'AuthorizationQueryParametersError';
  const age = Date.now() - timeOf(searchParams.get('X-Amz-Date') ?? '');
  const seconds = Number(searchParams.get('X-Amz-Expires'));
  if (!(age > -MOST_SKEW_MS && age < seconds * 1000)) return 'AccessDenied';
  const md5 = headers['content-md5'];
  if (md5 !== undefined && md5 !== createHash('md5').update(body).digest('base64')) return 'BadDigest';
  // Headers of Amazon's must be signed; others need not be.
  if (Object.keys(headers).some((name) => name.startsWith('x-amz-'))) return 'AccessDenied';
  const unsigned = url!.replace(/&X-Amz-Signature=[0-9a-f]+$/, '');
  const expected = aws4.sign(
    {
      service: 's3',
      region: context.region,
      method,
      path: unsigned,
      headers: { host: headers.host },
      signQuery: true,
    },
    { accessKeyId: context.accessKey, secretAccessKey: context.secretKey },
  );
  const [mine, theirs] = [expected.path ?? '', url!].map(
    (text) => new URL(text, 'http://server').searchParams.get('X-Amz-Signature') ?? '',
  );
  return mine !== '' && mine === theirs ? null : 'SignatureDoesNotMatch';
}

function timeOf(date: string): number {
  return Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

function signatureOf(authorization: string): Buffer {
  return createHash('sha256')
    .update(/Signature=([0-9a-f]{64})$/.exec(authorization)?.[1] ?? authorization)
    .digest();
}

function digestMatches(headers: IncomingHttpHeaders, body: Buffer): boolean {
  const sha256 = headers['x-amz-content-sha256'];
  const md5 = headers['content-md5'];
  if (md5 !== undefined && md5 !== createHash('md5').update(body).digest('base64')) return false;
  return sha256 === 'UNSIGNED-PAYLOAD' || sha256 === createHash('sha256').update(body).digest('hex');
}

function refuse(answer: ServerResponse, status: number, code: string): void {
  answer.writeHead(status, { 'content-type': 'application/xml' });
  answer.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
}

async function exists(object: string, { upstream }: Context): Promise<boolean> {
  const response = await ask(upstream, 'HEAD', object, {}, Buffer.alloc(0));
  response.resume();
  return response.statusCode === 200;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

async function forward(
  { method, url, headers }: IncomingMessage,
  body: Buffer,
  { upstream }: Context,
): Promise<Answer> {
  const { host: _host, authorization: _authorization, 'if-none-match': _condition, ...others } = headers;
  // s3rver takes one signature for each request, and gets its own.
  const plain = url!.replaceAll(/(?<=[?&])X-Amz-[^&]*&?/g, '').replace(/[?&]$/, '');
  const response = await ask(upstream, method!, plain, others, body);
  const { 'transfer-encoding': _encoding, connection: _connection, ...kept } = response.headers;
  return { status: response.statusCode!, headers: kept, body: await buffer(response) };
}

async function ask(
  port: number,
  method: string,
  path: string,
  headers: IncomingHttpHeaders,
  body: Buffer,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const now = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
    request(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        headers: {
          'x-amz-date': now,
          'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
          ...headers,
          authorization: UPSTREAM_AUTHORIZATION,
        },
      },
      resolve,
    )
      .once('error', reject)
      .end(body);
  });
}
