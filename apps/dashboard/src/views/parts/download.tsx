/** A link to a file that may need a key. */
import { type MouseEvent, useState } from 'react';
import { authorization, request, type RequestError } from '../../api/http.js';
import { Problem } from './common.js';

interface DownloadProps {
  readonly path: string;
  /** Of the file as it is kept. */
  readonly name: string;
}

export function Download({ path, name }: DownloadProps) {
  const [error, setError] = useState<RequestError | null>(null);
  const [isFetching, setFetching] = useState(false);
  const fetchWithKey = (event: MouseEvent) => {
    // The browser sends no key with a link: with one, the file is fetched first.
    if (authorization()['authorization'] === undefined) return;
    event.preventDefault();
    setFetching(true);
    setError(null);
    save(path, name)
      .catch(setError)
      .finally(() => setFetching(false));
  };
  return (
    <span>
      <a href={path} download={name} onClick={fetchWithKey}>
        {name}
      </a>
      {isFetching && <span className="muted"> is being fetched…</span>}
      <Problem error={error} />
    </span>
  );
}

const keptMs = 60_000;

async function save(path: string, name: string): Promise<void> {
  const url = URL.createObjectURL(await (await request(path)).blob());
  Object.assign(document.createElement('a'), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), keptMs);
}
