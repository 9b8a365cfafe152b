/** How much an adapter changes each layer: Frobenius norms of scale B A. */
import { useQuery } from '@tanstack/react-query';
import type { CompositionReportObject } from '#contracts/composition-report.js';
import { previewQuery } from '../../api/compositions.js';
import { Drawing } from '../../charts/drawing.js';
import { number } from '../../format.js';
import { cx } from '../../ui/cx.js';
import { Card, Skeleton } from '../../ui/layout.js';
import tableStyles from '../../ui/table.module.css';
import { Problem } from '../parts/common.js';
import styles from './adapters.module.css';
import { type NormGroup, normGroups, shortKind } from './module-norms.js';

export function AdapterNorms({ id }: { readonly id: string }) {
  const { data: report, error } = useQuery(previewQuery({ members: [{ adapter: id, weight: 1 }] }));
  return (
    <Card title="What it changes">
      <p className={styles.hint}>
        The norm of each layer’s update, ‖scale·B·A‖. Stronger colour is a layer that changed more.
      </p>
      <Problem error={error} />
      {!report && !error && <Skeleton of="norms" />}
      {report && <Norms report={report} />}
    </Card>
  );
}

function Norms({ report }: { readonly report: CompositionReportObject }) {
  const groups = normGroups(report.modules);
  const most = Math.max(...report.modules.map(({ norm }) => norm));
  const layers = groups.flatMap(({ rows }) => rows.flatMap(({ layer }) => layer ?? []));
  const count = layers.length === 0 ? 1 : Math.max(...layers) + 1;
  return (
    <>
      <div className={styles.heat}>
        {groups.map((group) => (
          <HeatRow key={group.kind} group={group} most={most} count={count} />
        ))}
        <span />
        <span className={styles.scale}>
          <small>{layers.length === 0 ? '' : 'layer 0'}</small>
          <small>{layers.length === 0 ? '' : `layer ${count - 1}`}</small>
        </span>
      </div>
      <p className={styles.legend} aria-hidden>
        <small>0</small>
        <i />
        <small>{number(most, 3)}</small>
      </p>
      <details>
        <summary>As a table</summary>
        <section
          className={cx(tableStyles.frame, styles.scroll)}
          aria-label="Norms of all layers"
          tabIndex={0}
        >
          <table className={tableStyles.table}>
            <thead>
              <tr>
                <th scope="col">Module</th>
                <th scope="col">Shape</th>
                <th scope="col">Rank</th>
                <th scope="col">Norm</th>
              </tr>
            </thead>
            <tbody>
              {report.modules.map(({ path, shape, rank, norm }) => (
                <tr key={path}>
                  <th scope="row">
                    <code>{path}</code>
                  </th>
                  <td>{shape.join(' × ')}</td>
                  <td>{rank}</td>
                  <td>{number(norm)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </details>
    </>
  );
}

interface HeatRowProps {
  readonly group: NormGroup;
  /** The largest norm of the adapter: all rows share one scale. */
  readonly most: number;
  /** Layers of the model. */
  readonly count: number;
}

const cell = { width: 10, height: 20 };
const faintest = 0.08;

/** One kind of module: a cell for each layer. */
function HeatRow({ group: { kind, rows }, most, count }: HeatRowProps) {
  const norms = rows.map(({ norm }) => norm);
  const [low, high] = [Math.min(...norms), Math.max(...norms)];
  const range = low === high ? number(high, 3) : `${number(low, 3)} to ${number(high, 3)}`;
  const layers = rows.length === 1 ? '' : `, layers ${rows[0]!.layer} to ${rows.at(-1)!.layer}`;
  return (
    <>
      <code>{shortKind(kind)}</code>
      <Drawing
        viewBox={`0 0 ${count * cell.width} ${cell.height}`}
        preserveAspectRatio="none"
        label={`${shortKind(kind)}: norm ${range}${layers}`}
      >
        {rows.map(({ path, layer, norm }) => (
          <rect
            key={path}
            x={(layer ?? 0) * cell.width + 0.5}
            y={0}
            width={layer === null ? count * cell.width : cell.width - 1}
            height={cell.height}
            fillOpacity={most === 0 ? faintest : faintest + (1 - faintest) * (norm / most)}
          >
            <title>{`${path}: ${number(norm)}`}</title>
          </rect>
        ))}
      </Drawing>
    </>
  );
}
