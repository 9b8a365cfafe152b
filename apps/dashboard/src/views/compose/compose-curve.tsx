/** What every rank of a composition would keep, and a button for the ranks that people ask for. */
import { Drawing } from '../../charts/drawing.js';
import { percent } from '../../format.js';
import { Button } from '../../ui/button.js';
import styles from './compose.module.css';
import { rankThatKeeps } from './energy-curve.js';

interface ComposeCurveProps {
  /** Share of the energy that is kept, from the rank 1 on. */
  readonly energies: readonly number[];
  /** The rank that is chosen; null for another form. */
  readonly rank: number | null;
  readonly onRank: (rank: number) => void;
}

const size = { width: 480, height: 130, foot: 18, left: 36, head: 6 };
const marks = [0.5, 0.75, 1];
const shares = [0.9, 0.95, 0.99];

export function ComposeCurve({ energies, rank, onRank }: ComposeCurveProps) {
  const last = energies.length;
  if (last < 2) return null;
  const bottom = size.height - size.foot;
  const low = Math.min(0.5, energies[0]!);
  const x = (at: number) => size.left + ((at - 1) / (last - 1)) * (size.width - size.left - 8);
  const y = (energy: number) => size.head + ((1 - energy) / (1 - low)) * (bottom - size.head);
  const points = energies.map((energy, i) => `${x(i + 1)},${y(energy)}`);
  const found = shares.map((share) => [share, rankThatKeeps(energies, share)] as const);
  const label = found.map(([share, needed]) => `rank ${needed} keeps ${percent(share)}`).join(', ');
  return (
    <figure className={styles.curve}>
      <figcaption>Kept energy against rank</figcaption>
      <Drawing viewBox={`0 0 ${size.width} ${size.height}`} label={`Kept energy against rank: ${label}`}>
        {marks.map((energy) => (
          <g key={energy}>
            <line x1={size.left} x2={size.width} y1={y(energy)} y2={y(energy)} />
            <text x={size.left - 5} y={y(energy) + 4} textAnchor="end">
              {`${100 * energy}%`}
            </text>
          </g>
        ))}
        <polyline points={points.join(' ')} />
        {rank !== null && rank <= last && <circle cx={x(rank)} cy={y(energies[rank - 1]!)} r={5} />}
        <text x={size.left} y={size.height - 4}>
          rank 1
        </text>
        <text x={size.width - 4} y={size.height - 4} textAnchor="end">
          {`rank ${last}`}
        </text>
      </Drawing>
      <div className={styles.ranks}>
        {found.map(([share, needed]) => (
          <Button key={share} isSmall onPress={() => onRank(needed)}>
            {`${100 * share}%: rank ${needed}`}
          </Button>
        ))}
      </div>
    </figure>
  );
}
