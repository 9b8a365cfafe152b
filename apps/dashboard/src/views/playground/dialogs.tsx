/** What the playground shows over itself: the request as code, and conversations of before. */
import { History, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { Button as AriaButton } from 'react-aria-components/Button';
import { keptKey } from '../../api/key.js';
import { serverAddress } from '../../base-path.js';
import { Button, IconButton } from '../../ui/button.js';
import { CopyButton } from '../../ui/copy.js';
import { Dialog, DialogActions } from '../../ui/dialog.js';
import { Select } from '../../ui/select.js';
import { Tabs } from '../../ui/tabs.js';
import { Ago } from '../../ui/time.js';
import type { requestOf } from './conversation.js';
import { forgetSession, readHistory, type Session, titleOf } from './history.js';
import styles from './playground.module.css';
import { requestSnippets } from './snippets.js';

interface CodeDialogProps {
  readonly onClose: () => void;
  /** What is sent for each column. */
  readonly requests: readonly { readonly label: string; readonly request: ReturnType<typeof requestOf> }[];
}

export function CodeDialog({ onClose, requests }: CodeDialogProps) {
  const [shown, setShown] = useState('0');
  const { request } = requests[Number(shown)] ?? requests[0]!;
  const snippets = requestSnippets(request, {
    origin: serverAddress,
    needsKey: keptKey() !== undefined,
  });
  return (
    <Dialog title="The same request elsewhere" isOpen onOpenChange={onClose}>
      {(close) => (
        <>
          {requests.length > 1 && (
            <Select
              label="Model"
              value={shown}
              options={requests.map(({ label }, i) => ({ id: String(i), name: label }))}
              onChange={setShown}
            />
          )}
          <Tabs
            label="Languages"
            tabs={snippets.map(({ name, text }) => ({
              id: name,
              name,
              content: (
                <>
                  <pre tabIndex={0}>{text}</pre>
                  <p className={styles.copy}>
                    <CopyButton text={text} what={`the request as ${name}`} />
                  </p>
                </>
              ),
            }))}
          />
          <DialogActions>
            <Button onPress={close}>Close</Button>
          </DialogActions>
        </>
      )}
    </Dialog>
  );
}

interface HistoryDialogProps {
  readonly onClose: () => void;
  readonly onOpen: (session: Session) => void;
}

export function HistoryDialog({ onClose, onOpen }: HistoryDialogProps) {
  const [sessions, setSessions] = useState(() => readHistory(localStorage));
  const forget = (ids: readonly string[]) => {
    for (const id of ids) forgetSession(localStorage, id);
    setSessions(readHistory(localStorage));
  };
  return (
    <Dialog title="History" isOpen onOpenChange={onClose}>
      {(close) => (
        <>
          <p className={styles.hint}>Conversations are kept in this browser only.</p>
          {sessions.length === 0 && (
            <p className={styles.none}>
              <History size={18} aria-hidden /> No conversations yet.
            </p>
          )}
          <ul className={styles.choices}>
            {sessions.map((session) => (
              <li key={session.id} className={styles.kept}>
                <AriaButton
                  className={styles.choice}
                  onPress={() => {
                    onOpen(session);
                    close();
                  }}
                >
                  <span>{titleOf(session)}</span>
                  <small>
                    <Ago at={session.at / 1000} />
                    {session.columns.length > 1 && `, ${session.columns.length} models`}
                  </small>
                </AriaButton>
                <IconButton
                  isSmall
                  icon={Trash2}
                  label={`Delete ${titleOf(session)}`}
                  onPress={() => forget([session.id])}
                />
              </li>
            ))}
          </ul>
          <DialogActions>
            {sessions.length > 0 && (
              <Button onPress={() => forget(sessions.map(({ id }) => id))}>Delete all</Button>
            )}
            <Button onPress={close}>Close</Button>
          </DialogActions>
        </>
      )}
    </Dialog>
  );
}
