/** The base models that adapters can be trained on. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Box, Play, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import type { ModelObject } from '#contracts/http/models.js';
import { modelsClient, modelsQuery } from '../../api/service.js';
import { short, whole } from '../../format.js';
import { Badge } from '../../ui/badge.js';
import { Button, LinkButton } from '../../ui/button.js';
import { Id } from '../../ui/copy.js';
import { Confirm } from '../../ui/dialog.js';
import { Card, Empty, type Fact, Facts, PageHead, Skeleton } from '../../ui/layout.js';
import { toast } from '../../ui/toast.js';
import { Ago } from '../../ui/time.js';
import { Problem } from '../parts/common.js';
import { AddModel } from './add-model.js';
import styles from './models.module.css';

export default function Models() {
  const { data: models, error } = useQuery(modelsQuery);
  const [isAdding, setAdding] = useState(false);
  const bases = models?.filter(({ kind }) => kind === 'base') ?? [];
  const adaptersOn = (name: string) => models?.filter(({ base_model: base }) => base === name).length ?? 0;
  const add = (
    <Button look="primary" icon={Plus} onPress={() => setAdding(true)}>
      Add a model
    </Button>
  );
  return (
    <>
      <PageHead
        title="Models"
        lead="Base models that adapters are trained on. They are never changed."
        actions={add}
      />
      <Problem error={error} />
      {!models && !error && <Skeleton of="models" />}
      {models && bases.length === 0 && (
        <Empty icon={Box} title="No models yet" actions={add}>
          Add a model in Hugging Face’s format: a folder on the server, or a name on the hub.
        </Empty>
      )}
      <div className={styles.grid}>
        {bases.map((model) => (
          <ModelCard key={model.id} model={model} adapters={adaptersOn(model.id)} />
        ))}
      </div>
      {isAdding && <AddModel onClose={() => setAdding(false)} />}
    </>
  );
}

function ModelCard({ model, adapters }: { readonly model: ModelObject; readonly adapters: number }) {
  const { id, architecture, parameters, chat, bundled, identity, created } = model;
  const queries = useQueryClient();
  const removing = useMutation({
    mutationFn: () => modelsClient.remove(id),
    onSuccess: () => {
      toast.done(`${id} was removed from the list.`);
      return queries.invalidateQueries({ queryKey: modelsQuery.queryKey });
    },
    onError: (error) => toast.error(error.message),
  });
  const facts: Fact[] = [
    ['Architecture', architecture ?? '–'],
    [
      'Parameters',
      parameters === undefined ? (
        '–'
      ) : (
        <span key="parameters" title={whole(parameters)}>
          {short(parameters)}
        </span>
      ),
    ],
    ['Adapters', whole(adapters)],
    ['Added', <Ago key="added" at={created} />],
  ];
  return (
    <Card title={id}>
      <div className={styles.badges}>
        {bundled === true && <Badge tone="info">included</Badge>}
        <Badge tone={chat === true ? 'ok' : 'idle'}>
          {chat === true ? 'chat template' : 'no chat template'}
        </Badge>
      </div>
      <Facts facts={facts} />
      {identity !== null && <Id id={identity} />}
      <div className={styles.actions}>
        <LinkButton to={`/new?model=${encodeURIComponent(id)}`} isSmall icon={Play}>
          Train an adapter
        </LinkButton>
        <Confirm
          title={`Remove ${id}?`}
          question="It goes from this list. Its files stay, and so do the jobs and adapters made with it."
          deed="Remove it"
          onConfirm={() => removing.mutate()}
        >
          <Button isSmall look="quiet" icon={Trash2} aria-label={`Remove ${id}`}>
            Remove
          </Button>
        </Confirm>
      </div>
    </Card>
  );
}
