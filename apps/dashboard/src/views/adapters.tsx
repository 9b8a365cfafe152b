/** The list of adapters. */
import type { AdapterObject } from '#contracts/http/adapters.js';
import type { Page } from '#contracts/http/pages.js';
import { useApi } from '../api/use-api.js';
import { bytes, time } from '../format.js';
import { Link } from '../router.js';
import { Problem } from './common.js';

export default function Adapters() {
  const { data, error } = useApi<Page<AdapterObject>>('/v1/adapters?limit=100');
  return (
    <>
      <h1>Adapters</h1>
      <Problem error={error} />
      {data?.data.length === 0 && (
        <p className="empty">
          None yet: a job that succeeds leaves one here. <Link to="/new">Make a job</Link>.
        </p>
      )}
      <ul className="rows">
        {data?.data.map(({ id, name, model, created_at, bytes: size }) => (
          <li key={id} className="row">
            <Link to={`/adapters/${id}`}>{name}</Link>
            <span>{model}</span>
            <span>{bytes(size)}</span>
            <span className="muted">{time(created_at)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}
