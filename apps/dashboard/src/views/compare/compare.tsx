/** Up to eight runs side by side: their curves in one chart, what came of them, and where their settings differ. */
import { useQuery as useServer } from '@tanstack/react-query';
import { Columns2, Plus, Trophy, X } from 'lucide-react';
import { useState } from 'react';
import { trainingFilesQuery } from '../../api/files.js';
import { number, seconds, whole } from '../../format.js';
import { Link, replaceQuery, useQuery } from '../../router.js';
import { StatusBadge } from '../../ui/badge.js';
import { Button, IconButton } from '../../ui/button.js';
import { cx } from '../../ui/cx.js';
import { Card, Empty, PageHead, Skeleton } from '../../ui/layout.js';
import table from '../../ui/table.module.css';
import { nameOf } from '../jobs/job-facts.js';
import { Problem } from '../parts/common.js';
import { CompareChart } from './compare-chart.js';
import styles from './compare.module.css';
import { RunPicker } from './run-picker.js';
import {
  maxRuns,
  parseIds,
  queryOfIds,
  type Result,
  resultsOf,
  type Run,
  runColours,
  type Setting,
  settingsOf,
} from './runs.js';
import { type RunState, useRuns } from './use-runs.js';

export default function Compare() {
  const query = useQuery();
  const ids = parseIds(query);
  const states = useRuns(ids);
  const [isPicking, setPicking] = useState(false);
  const set = (next: readonly string[]) => replaceQuery(queryOfIds(next));
  const runs = states.flatMap(({ job, curves }) => (job ? [{ job, curves }] : []));
  return (
    <>
      <PageHead
        title="Compare"
        lead="Curves, results and settings of up to eight jobs side by side."
        actions={
          ids.length > 0 && (
            <Button icon={Plus} isDisabled={ids.length >= maxRuns} onPress={() => setPicking(true)}>
              Add a job
            </Button>
          )
        }
      />
      {ids.length === 0 && (
        <Empty
          icon={Columns2}
          title="No jobs chosen"
          actions={
            <Button look="primary" icon={Plus} onPress={() => setPicking(true)}>
              Add a job
            </Button>
          }
        >
          Choose jobs here, or select them in the list of jobs.
        </Empty>
      )}
      {ids.length > 0 && (
        <ul className={styles.runs} aria-label="Jobs">
          {states.map((state, i) => (
            <RunChip
              key={state.id}
              state={state}
              place={i}
              onRemove={() => set(ids.filter((id) => id !== state.id))}
            />
          ))}
        </ul>
      )}
      {states.map(({ id, error }) => (
        <Problem key={id} error={error} />
      ))}
      {runs.length < states.filter(({ error }) => error === null).length && <Skeleton of="the jobs" />}
      {runs.length > 0 && <Comparison runs={runs} states={states} />}
      {isPicking && (
        <RunPicker taken={ids} onClose={() => setPicking(false)} onPick={(id) => set([...ids, id])} />
      )}
    </>
  );
}

interface RunChipProps {
  readonly state: RunState;
  readonly place: number;
  readonly onRemove: () => void;
}

function RunChip({ state: { id, job }, place, onRemove }: RunChipProps) {
  const name = job ? nameOf(job) : id;
  return (
    <li className={styles.run}>
      <i className={cx('swatch', runColours[place])} aria-hidden />
      <Link to={`/jobs/${id}`}>{name}</Link>
      {job && <StatusBadge status={job.status} />}
      <IconButton isSmall icon={X} label={`Remove ${name}`} onPress={onRemove} />
    </li>
  );
}

interface ComparisonProps {
  readonly runs: readonly Run[];
  readonly states: readonly RunState[];
}

function Comparison({ runs, states }: ComparisonProps) {
  const files = useServer(trainingFilesQuery);
  const jobs = runs.map(({ job }) => job);
  const places = runs.map(({ job }) => states.findIndex(({ id }) => id === job.id));
  const { different, equal } = settingsOf(
    jobs,
    (id) => files.data?.find((file) => file.id === id)?.filename ?? id,
  );
  const heads = jobs.map((job, i) => (
    <th key={job.id} scope="col">
      <i className={cx('swatch', runColours[places[i]!])} aria-hidden /> {nameOf(job)}
    </th>
  ));
  return (
    <>
      <CompareChart runs={runs} places={places} />
      <Card title="Results">
        <Values label="Results" heads={heads}>
          {resultsOf(runs).map((result) => (
            <ResultRow key={result.name} result={result} />
          ))}
        </Values>
      </Card>
      <Card title="Settings">
        {runs.length > 1 && different.length === 0 && <p>All settings are equal.</p>}
        {different.length > 0 && (
          <Values label="Settings that differ" heads={heads}>
            {different.map((setting) => (
              <SettingRow key={setting.name} setting={setting} />
            ))}
          </Values>
        )}
        {equal.length > 0 && (
          <details open={runs.length === 1}>
            <summary>
              {equal.length} {runs.length === 1 ? 'settings' : 'equal settings'}
            </summary>
            <Values
              label="Equal settings"
              heads={[
                <th key="all" scope="col">
                  All jobs
                </th>,
              ]}
            >
              {equal.map(({ name, values }) => (
                <SettingRow key={name} setting={{ name, values: values.slice(0, 1) }} />
              ))}
            </Values>
          </details>
        )}
      </Card>
    </>
  );
}

interface ValuesProps {
  readonly label: string;
  readonly heads: React.ReactNode;
  readonly children: React.ReactNode;
}

function Values({ label, heads, children }: ValuesProps) {
  return (
    <section className={cx(table.frame, styles.values)} aria-label={label} tabIndex={0}>
      <table className={table.table}>
        <thead>
          <tr>
            <th scope="col">
              <span className="for-readers">Name</span>
            </th>
            {heads}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}

const texts = { number, count: whole, seconds } as const;

function ResultRow({ result: { name, kind, values, best } }: { readonly result: Result }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      {values.map((value, i) => (
        <td key={i} className={cx(best.has(i) && styles.best)}>
          {value === null ? '–' : texts[kind](value)}
          {best.has(i) && (
            <span className={styles.mark}>
              <Trophy size={13} aria-hidden /> best
            </span>
          )}
        </td>
      ))}
    </tr>
  );
}

function SettingRow({ setting: { name, values } }: { readonly setting: Setting }) {
  return (
    <tr>
      <th scope="row">{/^[A-Z]/.test(name) ? name : <code>{name}</code>}</th>
      {values.map((value, i) => (
        <td key={i} className={styles.value}>
          {value}
        </td>
      ))}
    </tr>
  );
}
