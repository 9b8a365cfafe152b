/** All adapters: found, sorted, and led to. */
import { Blend, Layers, Plus } from 'lucide-react';
import { useMemo, useState } from 'react';
import { adapterList } from '../../api/adapters.js';
import { useAllJobs } from '../../api/use-all-jobs.js';
import { useEveryPage } from '../../api/use-every-page.js';
import { serverAddress } from '../../base-path.js';
import { whole } from '../../format.js';
import { Button, LinkButton } from '../../ui/button.js';
import { SearchBox } from '../../ui/field.js';
import { Card, Empty, PageHead, Skeleton } from '../../ui/layout.js';
import { Select } from '../../ui/select.js';
import { Problem } from '../parts/common.js';
import longStyles from '../parts/long-table.module.css';
import {
  type AdapterFilter,
  type AdapterRow,
  everyAdapter,
  newestFirst,
  originNames,
  origins,
  shownAdapters,
} from './adapter-facts.js';
import { AdapterTable } from './adapter-table.js';

const lookEveryMs = 15_000;

const originChoices: readonly { id: AdapterFilter['origin']; name: string }[] = [
  { id: 'all', name: 'Any origin' },
  ...origins.map((id) => ({ id, name: originNames[id] })),
];

const allAdapters = adapterList();

export default function Adapters() {
  const { items: adapters, isReading, error } = useEveryPage(allAdapters, lookEveryMs);
  const { jobs } = useAllJobs(lookEveryMs);
  const [filter, setFilter] = useState(everyAdapter);
  const [order, setOrder] = useState(newestFirst);
  const rows = useMemo(() => {
    const makers = new Map(jobs?.map((job) => [job.id, job]));
    return (adapters ?? []).map((adapter): AdapterRow => {
      const job = adapter.job === null ? undefined : makers.get(adapter.job);
      return { id: adapter.id, adapter, job };
    });
  }, [adapters, jobs]);
  const shown = useMemo(() => shownAdapters(rows, filter, order), [rows, filter, order]);
  const bases = useMemo(() => [...new Set(adapters?.map(({ model }) => model))].toSorted(), [adapters]);
  const set = (change: Partial<AdapterFilter>) => setFilter((old) => ({ ...old, ...change }));
  const count =
    shown.length === rows.length
      ? `${whole(shown.length)} ${shown.length === 1 ? 'adapter' : 'adapters'}`
      : `${whole(shown.length)} of ${whole(rows.length)} adapters`;
  return (
    <>
      <PageHead
        title="Adapters"
        lead="What jobs made, what was composed and what was imported: a few megabytes each, for one base model."
        actions={
          <LinkButton to="/compose" look="primary" icon={Blend}>
            Compose
          </LinkButton>
        }
      />
      <Problem error={error} />
      {adapters === null && error === null && <Skeleton of="adapters" lines={8} />}
      {adapters?.length === 0 && <NoAdapters />}
      {rows.length > 0 && (
        <>
          <div className={longStyles.tools}>
            <div className={longStyles.find}>
              <SearchBox label="Search adapters" value={filter.text} onChange={(text) => set({ text })} />
            </div>
            <div className={longStyles.pick}>
              <Select
                label="Origin"
                isLabelHidden
                value={filter.origin}
                options={originChoices}
                onChange={(origin) => set({ origin })}
              />
            </div>
            {bases.length > 1 && (
              <div className={longStyles.pick}>
                <Select
                  label="Base model"
                  isLabelHidden
                  value={filter.base}
                  options={[{ id: '', name: 'Any base model' }, ...bases.map((id) => ({ id, name: id }))]}
                  onChange={(base) => set({ base })}
                />
              </div>
            )}
            <span className={longStyles.count} aria-live="polite">
              {count}
              {isReading && ', loading older ones…'}
            </span>
          </div>
          {shown.length === 0 ? (
            <Empty
              icon={Layers}
              title="No adapters match"
              actions={<Button onPress={() => setFilter(everyAdapter)}>Show all adapters</Button>}
            >
              Try another word or another base model.
            </Empty>
          ) : (
            <AdapterTable rows={shown} order={order} onOrder={setOrder} />
          )}
        </>
      )}
    </>
  );
}

function NoAdapters() {
  return (
    <>
      <Empty
        icon={Layers}
        title="No adapters yet"
        actions={
          <LinkButton to="/new" look="primary" icon={Plus}>
            New job
          </LinkButton>
        }
      >
        A job that succeeds leaves an adapter here: a few megabytes that change how its base model writes.
      </Empty>
      <p />
      <Card title="Import one that was trained elsewhere">
        <pre tabIndex={0}>{`tar -cf adapter.tar -C my-adapter .
curl ${serverAddress}/v1/adapters -F model=prose-4m -F file=@adapter.tar`}</pre>
      </Card>
    </>
  );
}
