/** One adapter: where it came from, and its files. */
import { type MouseEvent, useState } from 'react';
import type { AdapterObject } from '#contracts/http/adapters.js';
import { authorization, request, type RequestError } from '../api/http.js';
import { useApi } from '../api/use-api.js';
import { bytes, time } from '../format.js';
import { Link } from '../router.js';
import { Facts, Problem } from './common.js';

export default function Adapter({ id }: { readonly id: string }) {
  const { data, error } = useApi<AdapterObject>(`/v1/adapters/${id}`);
  const [refusal, setRefusal] = useState<RequestError | null>(null);
  if (!data) return error ? <Problem error={error} /> : <p className="muted">Reading the adapter…</p>;
  const link = (path: string, name: string) => (
    <a href={path} download={name} onClick={(event) => fetchWithKey(event, path, name, setRefusal)}>
      {name}
    </a>
  );
  return (
    <>
      <h1>{data.name}</h1>
      <Facts
        facts={[
          ['Base model', data.model],
          ['Made by', data.job ? <Link to={`/jobs/${data.job}`}>{data.job}</Link> : 'imported or composed'],
          ['Made at', time(data.created_at)],
          ['Base identity', <code>{data.base_identity ?? 'not known'}</code>],
        ]}
      />
      <h2>Files</h2>
      <Problem error={refusal} />
      <ul>
        <li>{link(`/v1/adapters/${id}/archive`, `${id}.tar`)}, all of them in one</li>
        {data.files.map(({ name, bytes: size }) => (
          <li key={name}>
            {link(`/v1/adapters/${id}/files/${name}`, name)}, {bytes(size)}
          </li>
        ))}
      </ul>
      <h2>Configuration</h2>
      <pre tabIndex={0}>{JSON.stringify(data.config, null, 2)}</pre>
    </>
  );
}

/** A link cannot send a key: with one, the file is fetched first. */
function fetchWithKey(
  event: MouseEvent,
  path: string,
  name: string,
  onError: (error: RequestError) => void,
): void {
  if (authorization()['authorization'] === undefined) return;
  event.preventDefault();
  const save = async () => {
    const url = URL.createObjectURL(await (await request(path)).blob());
    Object.assign(document.createElement('a'), { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  };
  save().catch(onError);
}
