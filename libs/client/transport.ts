/** How a request reaches the server: the one thing in which Node and browsers differ. */
import { LowrankError } from '#base/errors.js';
import { idempotencyKey } from './idempotency-key.js';

export interface OutgoingRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: URL;
  readonly headers: Headers;
  readonly body?: string | FormData;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: UploadProgress) => void;
}

/** How much of a request's body is sent. When all of it is, the server still has to answer. */
export interface UploadProgress {
  readonly sentBytes: number;
  readonly totalBytes: number;
}

/** Resolves with an answer of any status. Throws ConnectionError, or the signal's reason. */
export type Transport = (request: OutgoingRequest) => Promise<Response>;

/**
 * The server was not reached, or the connection broke.
 *
 * `unsent`: the request cannot have arrived. `broken`: it may have. `hopeless`: trying again does not help.
 */
export class ConnectionError extends Error {
  readonly state: 'unsent' | 'broken' | 'hopeless';

  constructor(cause: unknown, state?: ConnectionError['state']) {
    super(reasonOf(cause), { cause });
    this.state = state ?? stateOf(cause);
  }
}

/** Node's `fetch`; browsers, which cannot send streams, need another transport for forms. */
export const fetchTransport: Transport = async ({ method, url, headers, body, signal, onProgress }) => {
  // Node's own encoding of a form neither counts what it sends nor ends where a file cannot be read any more.
  const sent = body instanceof FormData ? streamedForm(body, headers, onProgress) : { body: body ?? null };
  try {
    return await fetch(url, { method, headers, signal: signal ?? null, ...sent });
  } catch (cause) {
    signal?.throwIfAborted();
    throw isUnreadable(cause) ? fileChanged(cause) : new ConnectionError(cause);
  }
};

/** A form as a stream that tells how much of it was read; sets the headers that fit. */
function streamedForm(form: FormData, headers: Headers, onProgress?: (progress: UploadProgress) => void) {
  const boundary = `lowrank-${idempotencyKey()}`;
  const encoded = encodeForm(form, boundary);
  headers.set('content-type', `multipart/form-data; boundary=${boundary}`);
  // The server judges the size before it takes anything.
  headers.set('content-length', String(encoded.size));
  let sentBytes = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      sentBytes += chunk.byteLength;
      onProgress?.({ sentBytes, totalBytes: encoded.size });
      controller.enqueue(chunk);
    },
  });
  return { body: encoded.stream().pipeThrough(counter), duplex: 'half' as const };
}

/** multipart/form-data (RFC 7578); files stay where they are until they are read. */
function encodeForm(form: FormData, boundary: string): Blob {
  const parts: (string | Blob)[] = [];
  for (const [name, value] of form.entries()) {
    const head = `--${boundary}\r\ncontent-disposition: form-data; name="${quoted(name)}"`;
    if (typeof value === 'string') {
      parts.push(`${head}\r\n\r\n${value}\r\n`);
    } else {
      const type = value.type || 'application/octet-stream';
      parts.push(`${head}; filename="${quoted(value.name)}"\r\ncontent-type: ${type}\r\n\r\n`, value, '\r\n');
    }
  }
  return new Blob([...parts, `--${boundary}--\r\n`]);
}

const quoted = (text: string) => text.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A');

/** Whether a file on disk is not the one any more that was opened. */
function isUnreadable(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if (at.name === 'NotReadableError') return true;
  return false;
}

/** `file_changed`: the file is not the one any more that was chosen. */
export function fileChanged(cause: unknown): LowrankError {
  return new LowrankError('file_changed', 'the file changed while it was sent: send it again', { cause });
}

/** The connection was never made, so the request was not sent. */
const unsentCodes = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const brokenCodes = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'ETIMEDOUT']);

function stateOf(cause: unknown): ConnectionError['state'] {
  const code = networkCode(cause);
  if (code !== undefined && unsentCodes.has(code)) return 'unsent';
  if (code !== undefined && brokenCodes.has(code)) return 'broken';
  // Node names the cause: what is left are unknown names, untrusted certificates and forbidden ports. Browsers do not.
  const isOfNode = cause instanceof TypeError && cause.message === 'fetch failed';
  return isOfNode ? 'hopeless' : 'broken';
}

/** The code of the system or of the HTTP client below a failed request, such as ECONNREFUSED. */
function networkCode(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown };
    if (typeof code === 'string') return code;
  }
  return undefined;
}

function reasonOf(cause: unknown): string {
  const code = networkCode(cause);
  if (code !== undefined) return code;
  const deepest = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return deepest instanceof Error ? deepest.message : String(deepest);
}
