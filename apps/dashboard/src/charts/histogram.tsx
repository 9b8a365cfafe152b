/** How many rows have how many tokens, and where a block ends. */
import { whole } from '../format.js';
import { Drawing } from './drawing.js';

interface HistogramProps {
  /** Rows with 1 to width tokens, width + 1 to 2 * width, and so on. */
  readonly counts: readonly number[];
  readonly width: number;
  /** Where longer rows are cut. */
  readonly cut: number;
  readonly label: string;
}

const size = { width: 600, height: 120, foot: 18, head: 14 };

export function Histogram({ counts, width, cut, label }: HistogramProps) {
  const end = Math.max(width * counts.length, cut) * 1.02;
  const most = Math.max(1, ...counts);
  const x = (tokens: number) => (tokens / end) * size.width;
  const room = size.height - size.foot - size.head;
  const bottom = size.height - size.foot;
  const isRight = cut > end * 0.75;
  return (
    <Drawing viewBox={`0 0 ${size.width} ${size.height}`} label={label} className="histogram">
      {counts.map((count, i) => {
        const height = count === 0 ? 0 : Math.max(1, (count / most) * room);
        return (
          <rect
            key={i}
            x={x(i * width)}
            y={bottom - height}
            width={Math.max(1, x(width) - 1)}
            height={height}
            className={i * width >= cut ? 'beyond' : undefined}
          >
            <title>{`${whole(i * width + 1)} to ${whole((i + 1) * width)} tokens: ${whole(count)} rows`}</title>
          </rect>
        );
      })}
      <line x1={0} x2={size.width} y1={bottom} y2={bottom} />
      <line x1={x(cut)} x2={x(cut)} y1={0} y2={bottom} className="cut" />
      <text x={x(cut) + (isRight ? -6 : 6)} y={10} textAnchor={isRight ? 'end' : 'start'}>
        {`block: ${whole(cut)}`}
      </text>
      <text x={0} y={size.height - 4}>
        1
      </text>
      <text x={x(width * counts.length)} y={size.height - 4} textAnchor="end">
        {`${whole(width * counts.length)} tokens`}
      </text>
    </Drawing>
  );
}
