/** Uploads that tell how far they are, which fetch does not. */
import type { FileObject } from '#contracts/http/files.js';
import { basePath } from '../base-path.js';
import { authorization, errorFrom, RequestError } from './http.js';

export interface UploadOptions {
  readonly signal: AbortSignal;
  /** Told the share that was sent, from 0 to 1; at 1 the server still checks the content. */
  readonly onProgress: (share: number) => void;
}

/** Sends a file for training. Throws RequestError, or the signal's reason. */
export function uploadFile(file: File, { signal, onProgress }: UploadOptions): Promise<FileObject> {
  const form = new FormData();
  form.append('purpose', 'fine-tune');
  form.append('file', file);
  const sending = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    sending.open('POST', `${basePath}/v1/files`);
    for (const [name, value] of Object.entries(authorization())) sending.setRequestHeader(name, value);
    sending.upload.addEventListener('progress', ({ loaded, total }) =>
      onProgress(total > 0 ? loaded / total : 0),
    );
    sending.addEventListener('load', () => {
      if (sending.status >= 200 && sending.status < 300) {
        resolve(JSON.parse(sending.responseText) as FileObject);
      } else reject(errorFrom(sending.status, sending.responseText));
    });
    sending.addEventListener('error', () =>
      reject(new RequestError(0, 'The connection broke while the file was sent. Send it again.')),
    );
    signal.addEventListener('abort', () => {
      sending.abort();
      reject(signal.reason as Error);
    });
    sending.send(form);
  });
}
