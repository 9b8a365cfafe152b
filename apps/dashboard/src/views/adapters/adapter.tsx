/** One adapter: where it came from, what it changes, its files, and links to it. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { AdapterObject } from '#contracts/http/adapters.js';
import { adapterQuery, adaptersKey } from '../../api/adapters.js';
import { adaptersClient } from '../../api/adapters.js';
import { isGone } from '../../api/query-client.js';
import { bytes } from '../../format.js';
import { go, Link } from '../../router.js';
import { AdapterClasses } from './adapter-classes.js';
import { AdapterExports } from './adapter-exports.js';
import { AdapterNorms } from './adapter-norms.js';
import { AdapterOrigin } from './adapter-origin.js';
import { AdapterShares } from './adapter-shares.js';
import { Problem } from '../parts/common.js';
import { ConfirmButton } from '../parts/confirm-button.js';
import { Download } from '../parts/download.js';
import { FileList } from '../parts/file-list.js';
import { labelOf } from '../compose/use-members.js';

export default function Adapter({ id }: { readonly id: string }) {
  const { data: adapter, error } = useQuery(adapterQuery(id));
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => adaptersClient.delete(id),
    onSuccess: () => {
      go('/adapters');
      // Compositions with it can no longer be measured.
      queries.removeQueries({ queryKey: ['preview'] });
      return queries.invalidateQueries({ queryKey: adaptersKey, refetchType: 'none' });
    },
  });
  if (!adapter || isGone(error))
    return error ? <NoAdapter error={error} /> : <p className="muted">Reading the adapter…</p>;
  const name = labelOf(adapter);
  return (
    <>
      <div className="head">
        <h1>{name}</h1>
        <div className="actions">
          <Link to={`/compose?${id}=1`} className="button primary">
            Compose with…
          </Link>
          {!adapter.classes && (
            <Link to={`/playground?model=${id}`} className="button">
              Use in playground
            </Link>
          )}
          <ConfirmButton
            question={`Delete the adapter ${name}? Its links open nothing from then on. Compositions that it went into, and merged models, stay.`}
            deed="Delete it"
            onConfirm={remove.mutate}
          >
            Delete
          </ConfirmButton>
        </div>
      </div>
      <p className="muted">{adapter.name}</p>
      <Problem error={remove.error} />
      <AdapterOrigin adapter={adapter} />
      {adapter.classes && <AdapterClasses model={adapter.name} classes={adapter.classes} />}
      {isAdditive(adapter) && <AdapterNorms id={id} />}
      <section aria-labelledby="files">
        <h2 id="files">Files</h2>
        <p className="muted">A folder that PEFT, vLLM and others load.</p>
        <FileList files={adapter.files} path={`/v1/adapters/${id}/files`} />
        <p>
          All in one: <Download path={`/v1/adapters/${id}/archive`} name={`${id}.tar`} />,{' '}
          {bytes(adapter.bytes)}
        </p>
      </section>
      <AdapterExports id={id} />
      <AdapterShares id={id} />
    </>
  );
}

/** Weights of the base that were trained as they are have no update to measure. */
function isAdditive({ config }: AdapterObject): boolean {
  const { bias = 'none', modules_to_save: saved } = config;
  return bias === 'none' && (!Array.isArray(saved) || saved.length === 0);
}

function NoAdapter({ error }: { readonly error: Error | null }) {
  return (
    <>
      <h1>Adapter</h1>
      <Problem error={error} />
      <p>
        <Link to="/adapters">All adapters</Link>
      </p>
    </>
  );
}
