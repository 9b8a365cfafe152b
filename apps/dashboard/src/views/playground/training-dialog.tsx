/** Sends an answer, put right where it has to be, to the end of a data file. */
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { blobOf, filesClient, showFile, trainingFilesQuery } from '../../api/files.js';
import { whole } from '../../format.js';
import { Button } from '../../ui/button.js';
import { Dialog, DialogActions } from '../../ui/dialog.js';
import { TextField } from '../../ui/field.js';
import { Select } from '../../ui/select.js';
import { toast } from '../../ui/toast.js';
import { Problem } from '../parts/common.js';
import { type Mode, rowOf, type Turn } from './conversation.js';
import styles from './playground.module.css';
import { nextName, withRow } from './training-file.js';

interface TrainingDialogProps {
  readonly mode: Mode;
  readonly system: string;
  readonly before: readonly Turn[];
  readonly answer: string;
  readonly onClose: () => void;
}

const newFile = 'new';

export function TrainingDialog({ mode, system, before, answer, onClose }: TrainingDialogProps) {
  const files = useQuery(trainingFilesQuery);
  const [text, setText] = useState(answer);
  const [from, setFrom] = useState(newFile);
  const [named, setNamed] = useState<string | null>(null);
  const kind = mode === 'chat' ? 'chat' : 'completion';
  const fit =
    files.data?.filter(
      ({ report }) => report?.kind === kind && (report.format === undefined || report.format === 'jsonl'),
    ) ?? [];
  const old = fit.find(({ id }) => id === from);
  const name = named ?? (old ? nextName(old.filename) : 'playground.jsonl');
  const adding = useMutation({
    mutationFn: async () => {
      const content = old ? await blobOf(filesClient.content(old.id)) : null;
      return filesClient.upload(await withRow(content, rowOf(mode, system, before, text)), name);
    },
    onSuccess: (file) => {
      showFile(file);
      toast.done(`${file.filename} now has ${whole(file.report?.rows ?? 1)} rows.`);
      onClose();
    },
  });
  return (
    <Dialog title="Add to training data" isOpen onOpenChange={onClose}>
      {(close) => (
        <form
          className={styles.fields}
          onSubmit={(event) => {
            event.preventDefault();
            adding.mutate();
          }}
        >
          <TextField
            label="Answer"
            rows={6}
            value={text}
            hint="Correct it first if it is not quite right."
            onChange={setText}
          />
          <Select
            label="Add it to"
            value={from}
            options={[
              { id: newFile, name: 'A new file' },
              ...fit.map(({ id, filename, report }) => ({
                id,
                name: filename,
                detail: `${whole(report!.rows)} rows`,
              })),
            ]}
            hint={
              old
                ? 'Files never change: a copy with this row at its end becomes a new file.'
                : `JSON Lines files with ${kind} rows can be added to.`
            }
            onChange={(id) => {
              setFrom(id);
              setNamed(null);
            }}
          />
          <TextField label="Name of the new file" value={name} isRequired onChange={setNamed} />
          <Problem error={adding.error ?? files.error} />
          <DialogActions>
            <Button onPress={close}>Cancel</Button>
            <Button
              type="submit"
              look="primary"
              isDisabled={adding.isPending || text === '' || name.trim() === ''}
            >
              {adding.isPending ? 'Adding…' : 'Add'}
            </Button>
          </DialogActions>
        </form>
      )}
    </Dialog>
  );
}
