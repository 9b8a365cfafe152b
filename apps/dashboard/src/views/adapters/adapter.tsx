/** One adapter: where it came from, what it changes, where it runs, and how it is handed on. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Blend, MessageSquare, Trash2 } from 'lucide-react';
import type { AdapterObject } from '#contracts/http/adapters.js';
import { adapterQuery, adaptersClient, adaptersKey } from '../../api/adapters.js';
import { isGone } from '../../api/query-client.js';
import { bytes } from '../../format.js';
import { go } from '../../router.js';
import { Badge } from '../../ui/badge.js';
import { Button, LinkButton } from '../../ui/button.js';
import { CopyIcon, Id } from '../../ui/copy.js';
import { Confirm } from '../../ui/dialog.js';
import { Card, PageHead, Skeleton } from '../../ui/layout.js';
import { toast } from '../../ui/toast.js';
import { Ago } from '../../ui/time.js';
import { labelOf } from '../parts/adapter-label.js';
import { Problem } from '../parts/common.js';
import { Download } from '../parts/download.js';
import { FileList } from '../parts/file-list.js';
import { AdapterClasses } from './adapter-classes.js';
import { AdapterExports } from './adapter-exports.js';
import { originNames, originOf } from './adapter-facts.js';
import { AdapterLineage } from './adapter-lineage.js';
import { AdapterNorms } from './adapter-norms.js';
import { AdapterOrigin } from './adapter-origin.js';
import { AdapterPushes } from './adapter-pushes.js';
import { AdapterRunsOn } from './adapter-runs-on.js';
import { AdapterShares } from './adapter-shares.js';
import styles from './adapters.module.css';

const back = { to: '/adapters', name: 'All adapters' };

export default function Adapter({ id }: { readonly id: string }) {
  const { data: adapter, error } = useQuery(adapterQuery(id));
  if (!adapter || isGone(error))
    return error ? (
      <>
        <PageHead back={back} title="Adapter" />
        <Problem error={error} />
      </>
    ) : (
      <Skeleton of="the adapter" lines={10} />
    );
  return (
    <>
      <PageHead
        back={back}
        title={
          <span className={styles.title}>
            <span>{labelOf(adapter)}</span>
            <Badge tone="info">{originNames[originOf(adapter)]}</Badge>
          </span>
        }
        lead={
          <span className={styles.sub}>
            <span>for {adapter.model}</span>
            <Id id={id} />
            <span>
              created <Ago at={adapter.created_at} />
            </span>
          </span>
        }
        actions={<Actions adapter={adapter} />}
      />
      <AdapterLineage adapter={adapter} />
      <div className={styles.columns}>
        <div>
          {adapter.classes && <AdapterClasses model={adapter.name} classes={adapter.classes} />}
          {isAdditive(adapter) && <AdapterNorms id={id} />}
          <AdapterExports id={id} />
          <AdapterShares id={id} />
          <AdapterPushes adapter={adapter} />
        </div>
        <div>
          <AdapterOrigin adapter={adapter} />
          <AdapterRunsOn verdicts={adapter.runs_on} />
          <Card title="Files">
            <p className={styles.hint}>A folder that PEFT, vLLM and others load.</p>
            <FileList files={adapter.files} path={`/v1/adapters/${id}/files`} />
            <p>
              All in one: <Download path={`/v1/adapters/${id}/archive`} name={`${id}.tar`} />,{' '}
              {bytes(adapter.bytes)}
            </p>
            <p className={styles.model}>
              <span>
                As a model: <code>{adapter.name}</code>
              </span>
              <CopyIcon text={adapter.name} what="the name of the model" />
            </p>
          </Card>
        </div>
      </div>
    </>
  );
}

function Actions({ adapter }: { readonly adapter: AdapterObject }) {
  const { id, classes } = adapter;
  const queries = useQueryClient();
  const name = labelOf(adapter);
  const removing = useMutation({
    mutationFn: () => adaptersClient.delete(id),
    onSuccess: () => {
      toast.done(`${name} was deleted.`);
      go('/adapters');
      // Compositions with it can no longer be measured.
      queries.removeQueries({ queryKey: ['preview'] });
      return queries.invalidateQueries({ queryKey: adaptersKey, refetchType: 'none' });
    },
    onError: (error) => toast.error(error.message),
  });
  return (
    <>
      {!classes && (
        <LinkButton to={`/playground?model=${id}`} look="primary" icon={MessageSquare}>
          Use in playground
        </LinkButton>
      )}
      <LinkButton to={`/compose?${id}=1`} icon={Blend}>
        Compose with…
      </LinkButton>
      <Confirm
        title={`Delete ${name}?`}
        question="Its links stop working at once. Compositions made with it, and its exports, stay."
        deed="Delete it"
        onConfirm={() => removing.mutate()}
      >
        <Button icon={Trash2}>Delete</Button>
      </Confirm>
    </>
  );
}

/** Weights of the base that were trained as they are have no update to measure. */
function isAdditive({ config }: AdapterObject): boolean {
  const { bias = 'none', modules_to_save: saved } = config;
  return bias === 'none' && (!Array.isArray(saved) || saved.length === 0);
}
