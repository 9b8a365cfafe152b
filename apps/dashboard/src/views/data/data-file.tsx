/** One file: what is in it, and its first rows as a model reads them. */
import { keepPreviousData, skipToken, useQuery } from '@tanstack/react-query';
import { Play } from 'lucide-react';
import { useState } from 'react';
import type { FileObject } from '#contracts/http/files.js';
import { declarations } from '#training/objectives/declared/registry.js';
import { fileQuery } from '../../api/files.js';
import { jobsClient } from '../../api/jobs-client.js';
import { modelsQuery } from '../../api/service.js';
import { bytes, whole } from '../../format.js';
import { LinkButton } from '../../ui/button.js';
import { Id } from '../../ui/copy.js';
import { Card, type Fact, Facts, Note, PageHead, Skeleton } from '../../ui/layout.js';
import { Select } from '../../ui/select.js';
import { Ago } from '../../ui/time.js';
import { Preview } from '../new-job/preview.js';
import { Problem } from '../parts/common.js';

export default function DataFile({ id }: { readonly id: string }) {
  const { data: file, error } = useQuery(fileQuery(id));
  if (!file) return error ? <Problem error={error} /> : <Skeleton of="the file" />;
  const { filename, report, bytes: size, created_at, expires_at: expires } = file;
  const facts: Fact[] = [
    ['Kind of rows', report?.kind ?? '–'],
    ['Format', report?.format ?? '–'],
    ['Rows', report ? whole(report.rows) : '–'],
    ['Size', bytes(size)],
    ['Uploaded', <Ago key="uploaded" at={created_at} />],
    ['Id', <Id key="id" id={id} />],
  ];
  if (expires) facts.push(['Deleted on', new Date(expires * 1000).toLocaleString()]);
  const unused = Object.entries(report?.unknown_fields ?? {});
  return (
    <>
      <PageHead
        back={{ to: '/data', name: 'All data' }}
        title={filename}
        actions={
          <LinkButton to={`/new?file=${id}`} look="primary" icon={Play}>
            Use in a new job
          </LinkButton>
        }
      />
      <Card>
        <Facts facts={facts} />
        {report?.warnings.map(({ message }) => (
          <Note key={message}>{message}</Note>
        ))}
        {unused.length > 0 && (
          <Note>
            Fields that are not used:{' '}
            {unused.map(([name, rows]) => `${name} (${whole(rows)} rows)`).join(', ')}
          </Note>
        )}
      </Card>
      <RowsOf file={file} />
    </>
  );
}

function RowsOf({ file: { id, report } }: { readonly file: FileObject }) {
  const { data: models } = useQuery(modelsQuery);
  const bases = models?.filter(({ kind }) => kind === 'base') ?? [];
  const [chosen, setChosen] = useState<string | null>(null);
  const model = chosen ?? bases[0]?.id;
  const kind = report?.kind;
  const learnt = declarations.find(({ rows, imageRows }) =>
    [...rows.kinds, ...(imageRows?.kinds ?? [])].some((one) => one === kind),
  );
  const { data: plan, error } = useQuery({
    queryKey: ['plan', 'preview', id, model],
    queryFn:
      model === undefined
        ? skipToken
        : ({ signal }) =>
            jobsClient.plan(
              {
                model,
                training_file: id,
                ...(learnt === undefined || learnt.type === 'supervised'
                  ? {}
                  : { method: { type: learnt.type as 'dpo' } }),
              },
              { signal },
            ),
    placeholderData: keepPreviousData,
    refetchOnWindowFocus: false,
  });
  const data = plan?.data?.training;
  return (
    <Card
      title="Rows"
      actions={
        bases.length > 1 &&
        model !== undefined && (
          <Select
            label="As this model reads them"
            isLabelHidden
            value={model}
            options={bases.map(({ id: name }) => ({ id: name, name }))}
            onChange={setChosen}
          />
        )
      }
    >
      <Problem error={error} />
      {!data && !error && <Skeleton of="the rows" />}
      {data && (
        <>
          <Facts
            facts={[
              ['Tokens', `${data.estimated ? 'about ' : ''}${whole(data.tokens)}`],
              ['Tokens learned', whole(data.trained_tokens)],
              ['As read by', plan.model],
            ]}
          />
          <p />
          <Preview data={data} />
        </>
      )}
    </Card>
  );
}
