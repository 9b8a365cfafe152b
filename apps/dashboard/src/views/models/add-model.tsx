/** Registers a folder on the server, or a model of the hub. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { BaseModelRegistration } from '#contracts/http/models.js';
import { modelsClient, modelsQuery } from '../../api/service.js';
import { bytes } from '../../format.js';
import { Button } from '../../ui/button.js';
import { Dialog, DialogActions } from '../../ui/dialog.js';
import { Segments, TextField } from '../../ui/field.js';
import { Progress } from '../../ui/layout.js';
import { toast } from '../../ui/toast.js';
import { Problem } from '../parts/common.js';
import styles from './models.module.css';

const places = [
  ['folder', 'Folder on the server'],
  ['model', 'Hugging Face hub'],
] as const;

export function AddModel({ onClose }: { readonly onClose: () => void }) {
  const [place, setPlace] = useState<'folder' | 'model'>('folder');
  const [source, setSource] = useState('');
  const [name, setName] = useState('');
  const [work, setWork] = useState<BaseModelRegistration | null>(null);
  const queries = useQueryClient();
  const adding = useMutation({
    mutationFn: () =>
      modelsClient.add(
        { [place]: source.trim(), ...(name.trim() === '' ? {} : { name: name.trim() }) },
        { onProgress: setWork },
      ),
    onSuccess: async (model) => {
      await queries.invalidateQueries({ queryKey: modelsQuery.queryKey });
      toast.done(`${model.id} is ready to train on.`);
      onClose();
    },
  });
  return (
    <Dialog
      title="Add a model"
      isOpen
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
    >
      {(close) => (
        <form
          className={styles.fields}
          onSubmit={(event) => {
            event.preventDefault();
            adding.mutate();
          }}
        >
          <Segments label="Where it is" value={place} options={places} onChange={setPlace} />
          {place === 'folder' ? (
            <TextField
              key="folder"
              label="Folder"
              isMono
              value={source}
              onChange={setSource}
              placeholder="/models/my-model"
              hint="With config.json, a tokenizer and safetensors files. Every machine must reach it under this path."
            />
          ) : (
            <TextField
              key="model"
              label="Name on the hub"
              isMono
              value={source}
              onChange={setSource}
              placeholder="owner/name"
              hint="The server downloads it. Add @revision for a certain version."
            />
          )}
          <TextField
            label="Name (optional)"
            value={name}
            onChange={setName}
            hint="What jobs call it. Taken from the folder or the hub if you leave it empty."
          />
          {adding.isPending && work && (
            <Progress label="Progress of the model" value={work.done_bytes} max={work.total_bytes}>
              {work.stage === 'fetching' ? 'Downloading' : 'Reading'}: {bytes(work.done_bytes)} of{' '}
              {bytes(work.total_bytes)}
            </Progress>
          )}
          <Problem error={adding.error} />
          <DialogActions>
            <Button onPress={close}>Close</Button>
            <Button type="submit" look="primary" isDisabled={source.trim() === '' || adding.isPending}>
              {adding.isPending ? 'Adding…' : 'Add'}
            </Button>
          </DialogActions>
        </form>
      )}
    </Dialog>
  );
}
