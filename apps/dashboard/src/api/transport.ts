/**
 * How the page sends requests: fetch, and XMLHttpRequest for forms, because fetch does not report their progress and sends
 * no streams over HTTP/1.1.
 */
import {
  ConnectionError,
  fetchTransport,
  fileChanged,
  type OutgoingRequest,
  type Transport,
} from '#client/transport.js';

export const browserTransport: Transport = (request) =>
  request.body instanceof FormData ? upload({ ...request, body: request.body }) : fetchTransport(request);

interface Upload extends OutgoingRequest {
  readonly body: FormData;
}

async function upload(request: Upload): Promise<Response> {
  try {
    return await send(request);
  } catch (cause) {
    request.signal?.throwIfAborted();
    // A browser does not say why it stopped sending.
    await expectReadable(request.body);
    throw cause;
  }
}

function send({ method, url, headers, body, signal, onProgress }: Upload): Promise<Response> {
  const sending = new XMLHttpRequest();
  const abort = () => sending.abort();
  const answer = new Promise<Response>((resolve, reject) => {
    signal?.throwIfAborted();
    sending.open(method, url);
    sending.responseType = 'blob';
    for (const [name, value] of headers) sending.setRequestHeader(name, value);
    sending.upload.addEventListener('progress', ({ loaded, total }) =>
      onProgress?.({ sentBytes: loaded, totalBytes: total }),
    );
    sending.addEventListener('load', () => resolve(responseOf(sending)));
    sending.addEventListener('error', () =>
      reject(new ConnectionError(new Error('the connection broke while the file was sent'), 'broken')),
    );
    sending.addEventListener('abort', () => reject(signal?.reason as Error));
    signal?.addEventListener('abort', abort, { once: true });
    sending.send(body);
  });
  return answer.finally(() => signal?.removeEventListener('abort', abort));
}

function responseOf(sent: XMLHttpRequest): Response {
  const lines = sent.getAllResponseHeaders().trim().split('\r\n');
  const headers = lines.filter(Boolean).map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  return new Response(sent.response as Blob, { status: sent.status, statusText: sent.statusText, headers });
}

/** Throws `file_changed` if a file of the form can no longer be read. */
async function expectReadable(form: FormData): Promise<void> {
  for (const value of form.values()) {
    if (typeof value === 'string') continue;
    await value
      .slice(0, 1)
      .arrayBuffer()
      .catch((cause: unknown) => {
        throw fileChanged(cause);
      });
  }
}
