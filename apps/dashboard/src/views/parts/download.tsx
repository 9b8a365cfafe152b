/** A link to a file that may need a key. */
import { type MouseEvent, useState } from 'react';
import { authorization, request, type RequestError } from '../../api/http.js';
import { basePath } from '../../base-path.js';
import { saveAs } from '../../save.js';
import { Problem } from './common.js';

interface DownloadProps {
  readonly path: string;
  /** Of the file as it is kept. */
  readonly name: string;
  /** What the link says where its name is not enough, and what a screen reader says in its place. */
  readonly text?: string;
  readonly label?: string;
}

export function Download({ path, name, text = name, label }: DownloadProps) {
  const [error, setError] = useState<RequestError | null>(null);
  const [isFetching, setFetching] = useState(false);
  const fetchWithKey = (event: MouseEvent) => {
    // The browser sends no key with a link: with one, the file is fetched first.
    if (authorization()['authorization'] === undefined) return;
    event.preventDefault();
    setFetching(true);
    setError(null);
    request(path)
      .then(async (response) => saveAs(name, await response.blob()))
      .catch(setError)
      .finally(() => setFetching(false));
  };
  return (
    <span>
      <a href={basePath + path} download={name} onClick={fetchWithKey} aria-label={label}>
        {text}
      </a>
      {isFetching && <span className="muted"> is being fetched…</span>}
      <Problem error={error} />
    </span>
  );
}
