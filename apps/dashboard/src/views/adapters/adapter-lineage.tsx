/** What an adapter was made of and what was made of it, as a graph of links. */
import { useQuery } from '@tanstack/react-query';
import { ArrowRight, Blend, Box, Database, Download, Layers, type LucideIcon, Play } from 'lucide-react';
import type { AdapterObject } from '#contracts/http/adapters.js';
import { adapterList } from '../../api/adapters.js';
import { compositionList, exportList } from '../../api/compositions.js';
import { fileQuery } from '../../api/files.js';
import { jobQuery } from '../../api/jobs.js';
import { usePages } from '../../api/use-pages.js';
import { Link } from '../../router.js';
import { shortId } from '../../ui/copy.js';
import { cx } from '../../ui/cx.js';
import { Card } from '../../ui/layout.js';
import { labelOf } from '../parts/adapter-label.js';
import styles from './adapters.module.css';

interface Node {
  readonly kind: string;
  readonly icon: LucideIcon;
  readonly name: string;
  /** Null for what has no page, or is gone. */
  readonly to: string | null;
}

const looked = 100;

export function AdapterLineage({ adapter }: { readonly adapter: AdapterObject }) {
  const stages = useStages(adapter);
  return (
    <Card title="Lineage">
      <ol className={styles.lineage} aria-label="From data to what was made of it">
        {stages.map(({ name, nodes }, i) => (
          <li key={name} className={styles.stage}>
            {i > 0 && <ArrowRight size={18} aria-hidden className={styles.arrow} />}
            <ul aria-label={name}>
              {nodes.map((node) => (
                <li key={`${node.kind} ${node.name} ${node.to}`} className={styles.node}>
                  <NodeView node={node} isCurrent={name === 'This adapter'} />
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ol>
    </Card>
  );
}

function NodeView({ node, isCurrent }: { readonly node: Node; readonly isCurrent: boolean }) {
  const { kind, icon: Icon, name, to } = node;
  const face = (
    <>
      <Icon size={16} aria-hidden />
      <span>
        <small>{kind}</small> {name}
      </span>
    </>
  );
  const look = cx(styles.face, isCurrent && styles.current);
  if (to === null) return <span className={look}>{face}</span>;
  if (to.startsWith('#'))
    return (
      <a href={to} className={look}>
        {face}
      </a>
    );
  return (
    <Link to={to} className={look}>
      {face}
    </Link>
  );
}

interface Stage {
  readonly name: string;
  readonly nodes: readonly Node[];
}

function useStages(adapter: AdapterObject): Stage[] {
  const { id, model, job: jobId, recipe } = adapter;
  const job = useQuery({ ...jobQuery(jobId ?? ''), enabled: jobId !== null });
  const training = useFileNode('Training data', job.data?.training_file);
  const validation = useFileNode('Validation data', job.data?.validation_file);
  const known = usePages(recipe === null ? null : adapterList(model), looked);
  const exports = usePages(exportList(id), looked);
  const compositions = usePages(compositionList, looked);
  const base: Node = { kind: 'Base model', icon: Box, name: model, to: '/models' };
  const members = (recipe?.members ?? []).map(({ adapter: member, checkpoint, weight }): Node => {
    const found = known.items?.find((one) => one.id === member);
    const isGone = member !== undefined && known.items !== null && !known.hasMore && !found;
    const name = found ? labelOf(found) : shortId(member ?? checkpoint ?? '');
    return {
      kind: isGone ? `${weight} × deleted` : `${weight} ×`,
      icon: Layers,
      name,
      to: member === undefined || isGone ? null : `/adapters/${member}`,
    };
  });
  const start = job.data?.init_adapter;
  const from: Node[] = [
    ...training,
    ...validation,
    base,
    ...(start
      ? [{ kind: 'Started from', icon: Layers, name: shortId(start), to: `/adapters/${start}` }]
      : []),
    ...members,
  ];
  const maker: Node[] =
    jobId === null
      ? []
      : [
          job.error
            ? { kind: 'Job, deleted', icon: Play, name: shortId(jobId), to: null }
            : { kind: 'Job', icon: Play, name: job.data?.suffix ?? shortId(jobId), to: `/jobs/${jobId}` },
        ];
  const made = (compositions.items ?? []).flatMap((one): Node[] =>
    one.adapter !== null && one.members.some((member) => member.adapter === id)
      ? [
          {
            kind: 'Composition',
            icon: Blend,
            name: one.suffix ?? shortId(one.adapter),
            to: `/adapters/${one.adapter}`,
          },
        ]
      : [],
  );
  const exported = (exports.items ?? []).flatMap(({ status, format, dtype }): Node[] =>
    status === 'succeeded'
      ? [{ kind: 'Export', icon: Download, name: `${format} ${dtype}`, to: '#exports' }]
      : [],
  );
  return [
    { name: 'Made from', nodes: from },
    { name: 'Made by', nodes: maker },
    { name: 'This adapter', nodes: [{ kind: 'Adapter', icon: Layers, name: labelOf(adapter), to: null }] },
    { name: 'Made of it', nodes: [...made, ...unique(exported)] },
  ].filter(({ nodes }) => nodes.length > 0);
}

const unique = (nodes: readonly Node[]) =>
  nodes.filter(({ name }, i) => nodes.findIndex((other) => other.name === name) === i);

function useFileNode(kind: string, id: string | null | undefined): Node[] {
  const { data, error } = useQuery({ ...fileQuery(id ?? ''), enabled: typeof id === 'string' });
  if (typeof id !== 'string') return [];
  if (error) return [{ kind: `${kind}, deleted`, icon: Database, name: shortId(id), to: null }];
  return [{ kind, icon: Database, name: data?.filename ?? shortId(id), to: `/data/${id}` }];
}
