/** Links that open one page and this adapter's files without a key. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link2 as LinkIcon } from 'lucide-react';
import { type SubmitEvent, useRef, useState } from 'react';
import type { ShareCreate, ShareObject } from '#contracts/http/shares.js';
import { shareList, sharesClient, sharesKey } from '../../api/shares.js';
import { usePages } from '../../api/use-pages.js';
import { Button } from '../../ui/button.js';
import { CopyButton } from '../../ui/copy.js';
import { TextField } from '../../ui/field.js';
import { Card } from '../../ui/layout.js';
import { Select } from '../../ui/select.js';
import { Problem, ShowMore } from '../parts/common.js';
import styles from './adapters.module.css';
import { ShareRow } from './share-row.js';

const hour = 3600;
const lifetimes = [
  { id: String(hour), name: '1 hour' },
  { id: String(24 * hour), name: '1 day' },
  { id: String(7 * 24 * hour), name: '7 days' },
  { id: String(30 * 24 * hour), name: '30 days' },
  { id: String(365 * 24 * hour), name: '1 year' },
];
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
    <Card title="Links">
      <p className={styles.hint}>
        Anyone with a link sees one page about this adapter and can download its files. No key is needed.
      </p>
      <NewShare id={id} isSending={create.isPending} onCreate={create.mutate} />
      <Problem error={create.error ?? revoke.error ?? pages.error} />
      {made?.path && <Secret address={`${location.origin}${made.path}`} />}
      {pages.items?.length === 0 && <p className={styles.hint}>No links yet.</p>}
      <ul className={styles.entries} aria-label="Links">
        {pages.items?.map((share) => (
          <ShareRow key={share.id} share={share} onRevoke={() => revoke.mutate(share)} />
        ))}
      </ul>
      <ShowMore pages={pages} of="links" />
    </Card>
  );
}

interface NewShareProps {
  readonly id: string;
  readonly isSending: boolean;
  readonly onCreate: (body: ShareCreate) => void;
}

function NewShare({ id, isSending, onCreate }: NewShareProps) {
  const [lifetime, setLifetime] = useState(String(7 * 24 * hour));
  const [downloads, setDownloads] = useState('');
  const create = (event: SubmitEvent) => {
    event.preventDefault();
    onCreate({
      adapter: id,
      expires_in_seconds: Number(lifetime),
      ...(downloads !== '' && { max_downloads: Number(downloads) }),
    });
  };
  return (
    <form className={styles.form} onSubmit={create}>
      <Select label="Ends after" value={lifetime} options={lifetimes} onChange={setLifetime} />
      <TextField
        label="Downloads at most"
        inputMode="numeric"
        value={downloads}
        placeholder="Any number"
        error={isCount(downloads) ? undefined : 'Give a whole number from 1 to 1,000,000.'}
        onChange={setDownloads}
      />
      <Button type="submit" icon={LinkIcon} isDisabled={isSending || !isCount(downloads)}>
        Make a link
      </Button>
    </form>
  );
}

const isCount = (text: string) =>
  text === '' || (/^\d{1,7}$/.test(text) && Number(text) >= 1 && Number(text) <= 1_000_000);

/** The address with its token, which nobody can be told again. */
function Secret({ address }: { readonly address: string }) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <section className={styles.secret} aria-label="The new link">
      <p>
        <b>Copy this address now.</b> It is shown once: the server keeps only a digest of it.
      </p>
      <div>
        <input
          ref={field}
          readOnly
          aria-label="Address of the link"
          value={address}
          onFocus={() => field.current?.select()}
        />
        <CopyButton text={address} what="the address" />
      </div>
    </section>
  );
}
