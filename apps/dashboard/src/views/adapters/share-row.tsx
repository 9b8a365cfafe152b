/** One link: whether it still opens, and who used it. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { ShareObject } from '#contracts/http/shares.js';
import { accessesQuery } from '../../api/shares.js';
import { time } from '../../format.js';
import { Badge, type Tone } from '../../ui/badge.js';
import { Button } from '../../ui/button.js';
import { Confirm } from '../../ui/dialog.js';
import { Problem } from '../parts/common.js';
import styles from './adapters.module.css';

const states: Readonly<Record<ShareObject['status'], string>> = {
  open: 'open',
  expired: 'ended',
  revoked: 'revoked',
  used_up: 'downloaded as often as allowed',
};

const tones: Readonly<Record<ShareObject['status'], Tone>> = {
  open: 'ok',
  expired: 'idle',
  revoked: 'bad',
  used_up: 'warn',
};

interface ShareRowProps {
  readonly share: ShareObject;
  readonly onRevoke: () => void;
}

export function ShareRow({ share, onRevoke }: ShareRowProps) {
  const { id, status, created_at, expires_at, revoked_at, downloads, max_downloads } = share;
  const isAlive = status === 'open' || status === 'used_up';
  const left = max_downloads === null ? '' : `, ${max_downloads - downloads} of ${max_downloads} left`;
  return (
    <li>
      <div className={styles.entry}>
        <span>
          <Badge tone={tones[status]}>{states[status]}</Badge> <small>{id}</small>
        </span>
        <span>
          {downloads} {downloads === 1 ? 'download' : 'downloads'}
          {left}
        </span>
        <small>
          made {time(created_at)}
          <br />
          {revoked_at === null
            ? `${status === 'expired' ? 'ended' : 'ends'} ${time(expires_at)}`
            : `revoked ${time(revoked_at)}`}
        </small>
        {isAlive && (
          <Confirm
            title="Revoke this link?"
            question="It stops working at once for everybody who has it. What they downloaded stays theirs."
            deed="Revoke it"
            onConfirm={onRevoke}
          >
            <Button isSmall aria-label={`Revoke ${id}`}>
              Revoke
            </Button>
          </Confirm>
        )}
      </div>
      <Accesses id={id} />
    </li>
  );
}

const outcomes: Readonly<Record<string, string>> = {
  page: 'saw the page',
  file: 'fetched',
  missing: 'asked for a file that is not there:',
  expired: 'was refused, the link had ended',
  revoked: 'was refused, the link is revoked',
  used_up: 'was refused, no download was left:',
  deleted: 'was refused, the adapter is deleted',
};

function Accesses({ id }: { readonly id: string }) {
  const [isOpen, setOpen] = useState(false);
  const { data, error, refetch } = useQuery({ ...accessesQuery(id), enabled: isOpen });
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>Who used it</summary>
      <Problem error={error} />
      {data?.length === 0 && <p className={styles.hint}>Nobody yet.</p>}
      <ol className={styles.accesses} tabIndex={0} aria-label="Uses, newest first">
        {data?.map(({ id: access, created_at, outcome, file, address, user_agent }) => (
          <li key={access}>
            {time(created_at)}: {address ?? 'somebody'} {outcomes[outcome] ?? outcome} {file}
            <small>{user_agent}</small>
          </li>
        ))}
      </ol>
      <Button isSmall onPress={() => void refetch()}>
        Look again
      </Button>
    </details>
  );
}
