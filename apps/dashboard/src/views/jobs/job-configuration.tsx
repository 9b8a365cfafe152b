/** What a job was asked to be, what that came to, and why. */
import { useQuery } from '@tanstack/react-query';
import { Layers } from 'lucide-react';
import { useMemo, useState } from 'react';
import type { ResolvedObject } from '#contracts/http/job-options.js';
import type { JobObject } from '#contracts/http/jobs.js';
import { trackerFiles } from '#trackers/declared/registry.js';
import { layersText } from '#training/layers-text.js';
import { fileQuery } from '../../api/files.js';
import { bytes, number, whole } from '../../format.js';
import { Link } from '../../router.js';
import { Badge, type Tone } from '../../ui/badge.js';
import { LinkButton } from '../../ui/button.js';
import { SearchBox } from '../../ui/field.js';
import { Card, type Fact, Facts } from '../../ui/layout.js';
import tableStyles from '../../ui/table.module.css';
import { Tabs } from '../../ui/tabs.js';
import { Download } from '../parts/download.js';
import styles from './job.module.css';

interface JobProps {
  readonly job: JobObject;
}

export function JobDetails({ job }: JobProps) {
  const { plan, adapter, fine_tuned_model: made, init_adapter: start, metadata } = job;
  const facts: Fact[] = [
    ['Base model', job.model],
    ['Training data', <FileName key="training" id={job.training_file} />],
  ];
  if (job.validation_file !== null)
    facts.push(['Validation data', <FileName key="validation" id={job.validation_file} />]);
  if (start !== null)
    facts.push([
      'Started from',
      <Link key="start" to={`/adapters/${start}`}>
        {start}
      </Link>,
    ]);
  if (plan) {
    facts.push(['Trained parameters', whole(plan.trainable_parameters)]);
    facts.push(['Adapter size', bytes(plan.adapter_bytes)]);
  }
  facts.push(['Device', job.resolved.device ?? job.device], ['Seed', job.seed], ['Attempts', job.attempt]);
  if (job.progress.step > 0) {
    for (const { type, title, file } of trackerFiles) {
      const name = file.name({ id: job.id, createdAt: job.created_at });
      const path = `/v1/fine_tuning/jobs/${job.id}/trackers/${type}`;
      const label = `Download the curves for ${title}`;
      facts.push([title, <Download key={type} path={path} name={name} text="Download" label={label} />]);
    }
  }
  for (const [name, value] of Object.entries(metadata ?? {})) facts.push([name, value]);
  return (
    <Card
      title="Details"
      actions={
        adapter !== null && (
          <LinkButton to={`/adapters/${adapter}`} isSmall icon={Layers}>
            Open the adapter
          </LinkButton>
        )
      }
    >
      {adapter !== null && (
        <p>
          The adapter is <Link to={`/adapters/${adapter}`}>{made}</Link>.
        </p>
      )}
      <Facts facts={facts} />
    </Card>
  );
}

function FileName({ id }: { readonly id: string }) {
  const { data: file } = useQuery({ ...fileQuery(id), retry: false });
  return <Link to={`/data/${id}`}>{file?.filename ?? id}</Link>;
}

export function JobConfiguration({ job }: JobProps) {
  const { modules = [], whole_weights: weights = [] } = job.plan ?? {};
  const tabs = [
    { id: 'resolved', name: 'What it came to', content: <Reasons resolved={job.resolved} /> },
    {
      id: 'asked',
      name: 'As requested',
      content: <pre tabIndex={0}>{JSON.stringify(job.requested, null, 2)}</pre>,
    },
    {
      id: 'layers',
      name: 'Trained layers',
      content:
        job.plan === null ? (
          <p>The layers are known once a worker has planned the job.</p>
        ) : (
          <>
            <p>{layersText({ modules, whole_weights: weights })} are trained.</p>
            <ul className={styles.layers}>
              {modules.map(({ path, r, scale }) => (
                <li key={path}>
                  <code>{path}</code> rank {r}, scale {number(scale)}
                </li>
              ))}
              {weights.map(({ name, shape }) => (
                <li key={name}>
                  <code>{name}</code> {shape.join(' × ')}, trained in full
                </li>
              ))}
            </ul>
          </>
        ),
    },
  ];
  return (
    <Card title="Configuration">
      <Tabs label="Configuration" tabs={tabs} />
    </Card>
  );
}

type Reason = ResolvedObject['reasons'][number];

const sources: Readonly<Record<Reason['source'], readonly [name: string, tone: Tone]>> = {
  request: ['requested', 'info'],
  default: ['default', 'idle'],
  rule: ['chosen', 'ok'],
  adapter: ['from the adapter', 'idle'],
  machine: ['set by the machine', 'warn'],
};

function Reasons({ resolved: { reasons } }: { readonly resolved: ResolvedObject }) {
  const [text, setText] = useState('');
  const shown = useMemo(() => {
    const sought = text.toLowerCase();
    // What somebody or something decided is looked for first.
    return reasons
      .filter(({ option, reason }) => `${option} ${reason}`.toLowerCase().includes(sought))
      .toSorted((a, b) => Number(a.source === 'default') - Number(b.source === 'default'));
  }, [reasons, text]);
  return (
    <>
      <div style={{ maxWidth: 320, marginBottom: 12 }}>
        <SearchBox label="Search options" value={text} onChange={setText} />
      </div>
      <section className={tableStyles.frame} aria-label="Options" tabIndex={0} style={{ maxHeight: 420 }}>
        <table className={tableStyles.table}>
          <thead>
            <tr>
              <th scope="col">Option</th>
              <th scope="col">Value</th>
              <th scope="col">Source</th>
              <th scope="col">Reason</th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ option, value, source, reason }) => (
              <tr key={option}>
                <th scope="row">
                  <code>{option}</code>
                </th>
                <td className={styles.value}>{textOf(value)}</td>
                <td>
                  <Badge tone={sources[source][1]}>{sources[source][0]}</Badge>
                </td>
                <td className={tableStyles.wide}>{reason}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'number' && !Number.isInteger(value)) return number(value, 6);
  return typeof value === 'string' ? value : JSON.stringify(value);
}
