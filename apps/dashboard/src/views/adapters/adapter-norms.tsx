/** How much an adapter changes each layer: Frobenius norms of scale B A. */
import { useQuery } from '@tanstack/react-query';
import type { CompositionReportObject } from '#contracts/composition-report.js';
import { previewQuery } from '../../api/compositions.js';
import { Drawing } from '../../charts/drawing.js';
import { number } from '../../format.js';
import { Problem } from '../parts/common.js';
import { type NormGroup, normGroups, shortKind } from './module-norms.js';

export function AdapterNorms({ id }: { readonly id: string }) {
  const { data: report, error } = useQuery(previewQuery({ members: [{ adapter: id, weight: 1 }] }));
  return (
    <section aria-labelledby="norms">
      <h2 id="norms">What it changes</h2>
      <p className="muted">
        The norm of the update of every layer, ‖scale·B·A‖: a long bar is a layer that learned much.
      </p>
      <Problem error={error} />
      {!report && !error && <p className="muted">Measuring the layers…</p>}
      {report && <Norms report={report} />}
    </section>
  );
}

function Norms({ report }: { readonly report: CompositionReportObject }) {
  const groups = normGroups(report.modules);
  const most = Math.max(...report.modules.map(({ norm }) => norm));
  return (
    <>
      <div className="norms">
        {groups.map((group) => (
          <Bars key={group.kind} group={group} most={most} />
        ))}
      </div>
      <details>
        <summary>The same as a table</summary>
        <section className="scroll" aria-label="Norms of all layers" tabIndex={0}>
          <table>
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

const height = 72;
const barWidth = 10;

/** One bar for each layer; all kinds share one scale. */
function Bars({ group: { kind, rows }, most }: { readonly group: NormGroup; readonly most: number }) {
  const norms = rows.map(({ norm }) => norm);
  const [low, high] = [Math.min(...norms), Math.max(...norms)];
  const range = low === high ? number(high, 3) : `${number(low, 3)} to ${number(high, 3)}`;
  const layers = rows.length === 1 ? '' : `, layers ${rows[0]!.layer} to ${rows.at(-1)!.layer}`;
  return (
    <figure>
      <Drawing
        viewBox={`0 0 ${rows.length * barWidth} ${height}`}
        preserveAspectRatio="none"
        label={`${shortKind(kind)}: norm ${range}${layers}`}
      >
        {rows.map(({ path, norm }, i) => {
          const length = most === 0 ? 0 : (norm / most) * height;
          return (
            <rect key={path} x={i * barWidth + 1} y={height - length} width={barWidth - 2} height={length}>
              <title>{`${path}: ${number(norm)}`}</title>
            </rect>
          );
        })}
      </Drawing>
      <figcaption>
        <code>{shortKind(kind)}</code> <small>{`norm ${range}${layers}`}</small>
      </figcaption>
    </figure>
  );
}
