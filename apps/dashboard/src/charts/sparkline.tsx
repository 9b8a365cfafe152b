/** A small curve in a table. */
import { Drawing } from './drawing.js';

const [width, height] = [120, 28];

export function Sparkline({ points }: { readonly points: readonly (number | null)[] }) {
  const values = points.filter((value) => value !== null);
  if (values.length < 2) return <span className="muted">–</span>;
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const place = (value: number, i: number) =>
    `${((i / (values.length - 1)) * width).toFixed(1)},${(height - 2 - ((value - low) / span) * (height - 4)).toFixed(1)}`;
  const label = `Loss from ${values[0]!.toPrecision(3)} to ${values.at(-1)!.toPrecision(3)}`;
  return (
    <Drawing width={width} height={height} label={label} className="sparkline">
      <polyline points={values.map(place).join(' ')} />
    </Drawing>
  );
}
