/** A small curve in a table. */
import { Drawing } from './drawing.js';

interface SparklineProps {
  readonly points: readonly (number | null)[];
  /** Pixels. */
  readonly width?: number;
  readonly height?: number;
  /** Whether it fills the width of its place. */
  readonly isStretched?: boolean;
}

export function Sparkline({ points, width = 120, height = 28, isStretched }: SparklineProps) {
  const values = means(
    points.filter((value) => value !== null),
    width / 2,
  );
  if (values.length < 2) return <span className="muted">–</span>;
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const place = (value: number, i: number) =>
    `${((i / (values.length - 1)) * width).toFixed(1)},${(height - 2 - ((value - low) / span) * (height - 4)).toFixed(1)}`;
  const label = `Loss from ${values[0]!.toPrecision(3)} to ${values.at(-1)!.toPrecision(3)}`;
  return (
    <Drawing
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      label={label}
      preserveAspectRatio={isStretched ? 'none' : undefined}
      className="sparkline"
    >
      <polyline points={values.map(place).join(' ')} />
    </Drawing>
  );
}

/** At most so many values, each the mean of its neighbours: more of them are a blot. */
function means(values: readonly number[], most: number): number[] {
  const size = Math.ceil(values.length / most);
  if (size < 2) return [...values];
  return Array.from({ length: Math.ceil(values.length / size) }, (_, i) => {
    const part = values.slice(i * size, (i + 1) * size);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}
