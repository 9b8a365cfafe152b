/** The adapter merged into its base model: made in the background, fetched file by file. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ExportCreate, ExportObject } from '#contracts/http/compositions.js';
import { exportsClient } from '../../api/compositions.js';
import { exportList } from '../../api/compositions.js';
import { usePages } from '../../api/use-pages.js';
import { bytes, time } from '../../format.js';
import { Problem, ShowMore } from '../parts/common.js';
import { ConfirmButton } from '../parts/confirm-button.js';
import { FileList } from '../parts/file-list.js';
import { isAtWork, TaskProgress } from '../parts/task-progress.js';

const dtypes = [
  ['f16', 'f16, half the size'],
  ['bf16', 'bf16, half the size, wider range'],
  ['f32', 'f32, without rounding'],
] as const;
type Dtype = NonNullable<ExportCreate['dtype']>;
const lookEveryMs = 1000;
const pageSize = 20;

export function AdapterExports({ id }: { readonly id: string }) {
  const list = exportList(id);
  const pages = usePages(list, pageSize, (found) => (found.some(isAtWork) ? lookEveryMs : 0));
  const [dtype, setDtype] = useState<Dtype>('f16');
  const exports = pages.items ?? [];
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: (work: () => Promise<unknown>) => work(),
    onSuccess: () => queries.invalidateQueries({ queryKey: list.key }),
  });
  return (
    <section aria-labelledby="exports">
      <h2 id="exports">Merged model</h2>
      <p className="muted">
        The base model with this adapter folded into its weights, for programs that load no adapters. It is as
        large as the base.
      </p>
      <form
        className="inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate(() => exportsClient.create({ adapter: id, dtype }));
        }}
      >
        <label>
          Number format{' '}
          <select value={dtype} onChange={({ target }) => setDtype(target.value as Dtype)}>
            {dtypes.map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <button>Merge</button>
      </form>
      <Problem error={change.error ?? pages.error} />
      <ul className="plain">
        {exports.map((made) => (
          <Export
            key={made.id}
            made={made}
            onDelete={() => change.mutate(() => exportsClient.delete(made.id))}
          />
        ))}
      </ul>
      <ShowMore pages={pages} of="merged models" />
    </section>
  );
}

function Export({ made, onDelete }: { readonly made: ExportObject; readonly onDelete: () => void }) {
  const name = `${made.dtype} of ${time(made.created_at)}`;
  return (
    <li className="card">
      <div className="head">
        <span>
          <b>{made.dtype}</b> <small>{time(made.created_at)}</small>
        </span>
        <TaskProgress task={made} unit="bytes" />
        <ConfirmButton
          label={`Delete the merged model ${name}`}
          question={`Delete the merged model ${name}? It can be made again as long as the adapter is there.`}
          deed="Delete it"
          onConfirm={onDelete}
        >
          {isAtWork(made) ? 'Stop' : 'Delete'}
        </ConfirmButton>
      </div>
      {made.files.length > 0 && (
        <details>
          <summary>
            {made.files.length} files, {bytes(made.bytes)}
          </summary>
          <FileList files={made.files} path={`/v1/exports/${made.id}/files`} />
        </details>
      )}
    </li>
  );
}
