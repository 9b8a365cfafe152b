/** Links that open one page and this adapter's files without a key. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type SubmitEvent, useRef, useState } from 'react';
import type { ShareCreate, ShareObject } from '#contracts/http/shares.js';
import { sharesClient } from '../../api/shares.js';
import { shareList, sharesKey } from '../../api/shares.js';
import { usePages } from '../../api/use-pages.js';
import { Problem, ShowMore } from '../parts/common.js';
import { ShareRow } from './share-row.js';

const hour = 3600;
const lifetimes = [
  [hour, '1 hour'],
  [24 * hour, '1 day'],
  [7 * 24 * hour, '7 days'],
  [30 * 24 * hour, '30 days'],
  [365 * 24 * hour, '1 year'],
] as const;
const pageSize = 20;

export function AdapterShares({ id }: { readonly id: string }) {
  const pages = usePages(shareList(id), pageSize);
  const [made, setMade] = useState<ShareObject | null>(null);
  const queries = useQueryClient();
  const reload = () => queries.invalidateQueries({ queryKey: sharesKey });
  const create = useMutation({
    mutationFn: (body: ShareCreate) => sharesClient.create(body),
    onSuccess: (share) => {
      setMade(share);
      return reload();
    },
  });
  const revoke = useMutation({
    mutationFn: (share: ShareObject) => sharesClient.revoke(share.id),
    onSuccess: (_, share) => {
      setMade((old) => (old?.id === share.id ? null : old));
      return reload();
    },
  });
  return (
    <section aria-labelledby="links">
      <h2 id="links">Links</h2>
      <p className="muted">
        Whoever has a link sees one page about this adapter and its files, and nothing else. No key is needed.
      </p>
      <NewShare id={id} isSending={create.isPending} onCreate={create.mutate} />
      <Problem error={create.error ?? revoke.error ?? pages.error} />
      {made?.path && <Secret address={`${location.origin}${made.path}`} />}
      {pages.items?.length === 0 && <p className="muted">No link has been made.</p>}
      <ul className="plain">
        {pages.items?.map((share) => (
          <ShareRow key={share.id} share={share} onRevoke={() => revoke.mutate(share)} />
        ))}
      </ul>
      <ShowMore pages={pages} of="links" />
    </section>
  );
}

interface NewShareProps {
  readonly id: string;
  readonly isSending: boolean;
  readonly onCreate: (body: ShareCreate) => void;
}

function NewShare({ id, isSending, onCreate }: NewShareProps) {
  const [lifetime, setLifetime] = useState<number>(7 * 24 * hour);
  const [downloads, setDownloads] = useState('');
  const create = (event: SubmitEvent) => {
    event.preventDefault();
    onCreate({
      adapter: id,
      expires_in_seconds: lifetime,
      ...(downloads !== '' && { max_downloads: Number(downloads) }),
    });
  };
  return (
    <form className="inline-form" onSubmit={create}>
      <label>
        Ends after{' '}
        <select value={lifetime} onChange={({ target }) => setLifetime(Number(target.value))}>
          {lifetimes.map(([seconds, name]) => (
            <option key={seconds} value={seconds}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        Downloads at most{' '}
        <input
          type="number"
          className="number"
          min={1}
          max={1_000_000}
          placeholder="any"
          value={downloads}
          onChange={({ target }) => setDownloads(target.value)}
        />
      </label>
      <button className="primary" disabled={isSending}>
        Make a link
      </button>
    </form>
  );
}

/** The address with its token, which nobody can be told again. */
function Secret({ address }: { readonly address: string }) {
  const field = useRef<HTMLInputElement>(null);
  const [news, setNews] = useState('');
  const copy = () => {
    field.current?.select();
    // Pages that came over plain HTTP from another machine have no clipboard.
    if (!('clipboard' in navigator)) return setNews('Selected: copy it with Ctrl-C.');
    navigator.clipboard.writeText(address).then(
      () => setNews('Copied.'),
      () => setNews('Selected: copy it with Ctrl-C.'),
    );
  };
  return (
    <section className="card" aria-label="The new link">
      <p>
        <b>Copy this address now.</b> It is shown once: only a digest of it is kept here.
      </p>
      <div className="secret">
        <input ref={field} readOnly aria-label="Address of the link" value={address} />
        <button type="button" onClick={copy}>
          Copy
        </button>
        <output>{news}</output>
      </div>
    </section>
  );
}
