/** Sends an adapter to a repository of the hub. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Trash2, UploadCloud } from 'lucide-react';
import { useState } from 'react';
import type { AdapterObject } from '#contracts/http/adapters.js';
import type { PushCreate, PushObject } from '#contracts/http/pushes.js';
import { pushesClient, pushList } from '../../api/pushes.js';
import { usePages } from '../../api/use-pages.js';
import { Button, IconButton } from '../../ui/button.js';
import { Dialog, DialogActions } from '../../ui/dialog.js';
import { Checkbox, TextField } from '../../ui/field.js';
import { Card } from '../../ui/layout.js';
import { Ago } from '../../ui/time.js';
import { Problem } from '../parts/common.js';
import { isAtWork, TaskProgress } from '../parts/task-progress.js';
import styles from './adapters.module.css';
import { labelOf } from '../parts/adapter-label.js';

const looked = 100;
const lookEveryMs = 1000;

export function AdapterPushes({ adapter }: { readonly adapter: AdapterObject }) {
  const pages = usePages(pushList, looked, (found) => (found.some(isAtWork) ? lookEveryMs : 0));
  const [isAsking, setAsking] = useState(false);
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: (push: PushObject) => pushesClient.delete(push.id),
    onSuccess: () => queries.invalidateQueries({ queryKey: pushList.key }),
  });
  const pushes = pages.items?.filter((push) => push.adapter === adapter.id) ?? [];
  return (
    <Card
      title="On the hub"
      actions={
        <Button isSmall icon={UploadCloud} onPress={() => setAsking(true)}>
          Push to the hub
        </Button>
      }
    >
      {pushes.length === 0 && (
        <p className={styles.hint}>
          Not pushed yet. A repository gets the files and the card; the server’s account sends them.
        </p>
      )}
      <Problem error={pages.error ?? remove.error} />
      <ul className={styles.entries} aria-label="Pushes">
        {pushes.map((push) => (
          <li key={push.id} className={styles.entry}>
            <span>
              {push.url === null ? <b>{push.repository}</b> : <a href={push.url}>{push.repository}</a>}{' '}
              <small>
                {push.private ? 'private, ' : ''}
                <Ago at={push.created_at} />
              </small>
            </span>
            <TaskProgress task={push} unit="bytes" />
            <IconButton
              isSmall
              icon={Trash2}
              label={`${isAtWork(push) ? 'Stop' : 'Forget'} the push to ${push.repository}`}
              onPress={() => remove.mutate(push)}
            />
          </li>
        ))}
      </ul>
      {isAsking && <PushDialog adapter={adapter} onClose={() => setAsking(false)} />}
    </Card>
  );
}

interface PushDialogProps {
  readonly adapter: AdapterObject;
  readonly onClose: () => void;
}

function PushDialog({ adapter, onClose }: PushDialogProps) {
  const [repository, setRepository] = useState('');
  const [base, setBase] = useState(adapter.model.includes('/') ? adapter.model : '');
  const [isPrivate, setPrivate] = useState(true);
  const queries = useQueryClient();
  const push = useMutation({
    mutationFn: (body: PushCreate) => pushesClient.create(body),
    onSuccess: () => {
      onClose();
      return queries.invalidateQueries({ queryKey: pushList.key });
    },
  });
  return (
    <Dialog title={`Push ${labelOf(adapter)} to the hub`} isOpen onOpenChange={onClose}>
      {(close) => (
        <form
          className={styles.stack}
          onSubmit={(event) => {
            event.preventDefault();
            push.mutate({
              adapter: adapter.id,
              repository,
              private: isPrivate,
              ...(base !== '' && { base_model: base }),
            });
          }}
        >
          <TextField
            label="Repository"
            isRequired
            value={repository}
            placeholder="owner/name"
            hint="It is created if it does not exist."
            onChange={setRepository}
          />
          <TextField
            label="Base model on the hub"
            value={base}
            placeholder="owner/name"
            hint="Named in the card, so that others can load it."
            onChange={setBase}
          />
          <Checkbox isSelected={isPrivate} onChange={setPrivate}>
            Private, if it is created
          </Checkbox>
          <Problem error={push.error} />
          <DialogActions>
            <Button onPress={close}>Cancel</Button>
            <Button type="submit" look="primary" isDisabled={push.isPending || repository === ''}>
              Push
            </Button>
          </DialogActions>
        </form>
      )}
    </Dialog>
  );
}
