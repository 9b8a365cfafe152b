/** An adapter in other formats: made in the background, fetched file by file. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Download, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { type DeclaredExport, declaredExports, type ExportFormatName } from '#adapters/exports/declared.js';
import type { ExportCreate, ExportObject } from '#contracts/http/compositions.js';
import { exportList, exportsClient } from '../../api/compositions.js';
import { usePages } from '../../api/use-pages.js';
import { bytes } from '../../format.js';
import { Button, IconButton } from '../../ui/button.js';
import { Confirm } from '../../ui/dialog.js';
import { Card } from '../../ui/layout.js';
import { Select } from '../../ui/select.js';
import { Ago } from '../../ui/time.js';
import { Problem, ShowMore } from '../parts/common.js';
import { FileList } from '../parts/file-list.js';
import { isAtWork, TaskProgress } from '../parts/task-progress.js';
import styles from './adapters.module.css';

const formats: Readonly<Record<ExportFormatName, DeclaredExport>> = declaredExports;
const capital = (text: string) => text.replace(/^an? (.)/, (_, first: string) => first.toUpperCase());
const formatChoices = (Object.keys(formats) as ExportFormatName[]).map((id) => ({
  id,
  name: capital(formats[id].title),
}));
const dtypeNames: Readonly<Record<string, string>> = {
  f16: 'f16, half the size',
  bf16: 'bf16, half the size, wider range',
  f32: 'f32, without rounding',
  q8_0: 'q8_0, a quarter of the size',
};
const lookEveryMs = 1000;
const pageSize = 20;

export function AdapterExports({ id }: { readonly id: string }) {
  const list = exportList(id);
  const pages = usePages(list, pageSize, (found) => (found.some(isAtWork) ? lookEveryMs : 0));
  const [format, setFormat] = useState<ExportFormatName>('merged');
  const [dtype, setDtype] = useState<string | null>(null);
  const { dtypes } = formats[format];
  const chosen = dtypes.find((one) => one === dtype) ?? dtypes[0]!;
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: (work: () => Promise<unknown>) => work(),
    onSuccess: () => queries.invalidateQueries({ queryKey: list.key }),
  });
  const body: ExportCreate = { adapter: id, format, dtype: chosen };
  return (
    <div id="exports">
      <Card title="Exports">
        <p className={styles.hint}>
          For programs that do not load it as it is: merged into the base model, or in the format of
          llama.cpp.
        </p>
        <form
          className={styles.form}
          onSubmit={(event) => {
            event.preventDefault();
            change.mutate(() => exportsClient.create(body));
          }}
        >
          <Select label="Format" value={format} options={formatChoices} onChange={setFormat} />
          <Select
            label="Numbers"
            value={chosen}
            options={dtypes.map((one) => ({ id: one, name: dtypeNames[one] ?? one }))}
            onChange={setDtype}
          />
          <Button type="submit" icon={Download} isDisabled={change.isPending}>
            Export
          </Button>
        </form>
        <Problem error={change.error ?? pages.error} />
        <ul className={styles.entries} aria-label="Exports">
          {pages.items?.map((made) => (
            <Export
              key={made.id}
              made={made}
              onDelete={() => change.mutate(() => exportsClient.delete(made.id))}
            />
          ))}
        </ul>
        <ShowMore pages={pages} of="exports" />
      </Card>
    </div>
  );
}

function Export({ made, onDelete }: { readonly made: ExportObject; readonly onDelete: () => void }) {
  const title = formats[made.format as ExportFormatName]?.title ?? made.format;
  const name = `${capital(title)}, ${made.dtype}`;
  return (
    <li>
      <div className={styles.entry}>
        <span>
          <b>{name}</b>{' '}
          <small>
            <Ago at={made.created_at} />
          </small>
        </span>
        <TaskProgress task={made} unit="bytes" />
        <Confirm
          title={isAtWork(made) ? 'Stop this export?' : 'Delete this export?'}
          question={`${name}. It can be made again as long as the adapter is there.`}
          deed={isAtWork(made) ? 'Stop it' : 'Delete it'}
          onConfirm={onDelete}
        >
          <IconButton
            isSmall
            icon={Trash2}
            label={`${isAtWork(made) ? 'Stop' : 'Delete'} the export ${name}`}
          />
        </Confirm>
      </div>
      {made.files.length > 0 && (
        <details>
          <summary>
            {made.files.length} {made.files.length === 1 ? 'file' : 'files'}, {bytes(made.bytes)}
          </summary>
          <FileList files={made.files} path={`/v1/exports/${made.id}/files`} />
        </details>
      )}
    </li>
  );
}
