/** A link to a file of the API, which may ask for a key. */
import { type MouseEvent, useState } from 'react';
import { authorization, request, type RequestError } from '../../api/http.js';
import { Problem } from './common.js';

interface FileLinkProps {
  readonly path: string;
  /** Of the file that is saved. */
  readonly name: string;
  readonly label: string;
}

export function FileLink({ path, name, label }: FileLinkProps) {
  const [error, setError] = useState<RequestError | null>(null);
  // A link cannot send a key: with one, the file is fetched first.
  const onClick = (event: MouseEvent) => {
    if (authorization()['authorization'] === undefined) return;
    event.preventDefault();
    const save = async () => {
      const url = URL.createObjectURL(await (await request(path)).blob());
      Object.assign(document.createElement('a'), { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    };
    save().catch(setError);
  };
  return (
    <>
      <a href={path} download={name} onClick={onClick} aria-label={`Download the adapter of ${label}`}>
        download
      </a>
      <Problem error={error} />
    </>
  );
}
