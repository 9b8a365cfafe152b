/** The list of adapters. */
import type { AdapterObject } from '#contracts/http/adapters.js';
import { adapterList } from '../../api/adapters.js';
import { usePages } from '../../api/use-pages.js';
import { serverAddress } from '../../base-path.js';
import { bytes, time } from '../../format.js';
import { Link } from '../../router.js';
import { Problem, ShowMore } from '../parts/common.js';
import { labelOf } from '../compose/use-members.js';

const pageSize = 50;
const lookEveryMs = 5000;

export default function Adapters() {
  const pages = usePages(adapterList(), pageSize, lookEveryMs);
  const { items, error } = pages;
  return (
    <>
      <div className="head">
        <h1>Adapters</h1>
        <Link to="/compose" className="button primary">
          Compose
        </Link>
      </div>
      <Problem error={error} />
      {items?.length === 0 && <NoAdapters />}
      {!items && !error && <p className="muted">Reading the adapters…</p>}
      <ul className="rows">
        {items?.map((adapter) => (
          <li key={adapter.id} className="row">
            <span>
              <Link to={`/adapters/${adapter.id}`}>{labelOf(adapter)}</Link>
              <small>{adapter.name}</small>
            </span>
            <span>{adapter.model}</span>
            <span>{originOf(adapter)}</span>
            <span>{bytes(adapter.bytes)}</span>
            <span className="muted">{time(adapter.created_at)}</span>
          </li>
        ))}
      </ul>
      <ShowMore pages={pages} of="adapters" />
    </>
  );
}

function originOf({ job, recipe, config }: AdapterObject): string {
  const rank = typeof config['r'] === 'number' ? `, rank ${config['r']}` : '';
  if (job !== null) return `trained${rank}`;
  const members = recipe?.['members'];
  return Array.isArray(members) ? `composed of ${members.length}${rank}` : `imported${rank}`;
}

function NoAdapters() {
  return (
    <section className="empty">
      <h2>No adapter yet</h2>
      <p>
        A job that succeeds leaves an adapter here: a few megabytes that change how its base model writes.{' '}
        <Link to="/new">Make a job</Link>, or import a PEFT folder that was trained elsewhere:
      </p>
      <pre tabIndex={0}>{`tar -cf adapter.tar -C my-adapter .
curl ${serverAddress}/v1/adapters -F model=prose-4m -F file=@adapter.tar`}</pre>
    </section>
  );
}
