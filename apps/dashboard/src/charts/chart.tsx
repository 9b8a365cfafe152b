/** One chart of curves over steps: hover, drag to zoom, keys to move. */
import { type KeyboardEvent, useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { number } from '../format.js';
import { last, type Points } from './series.js';

export interface Line {
  readonly label: string;
  readonly points: Points;
  /** Name of a colour of the style sheet. */
  readonly colour: string;
  /** Joined over gaps and with a mark at each value. */
  readonly isSparse?: boolean;
}

export interface Range {
  readonly min: number;
  readonly max: number;
}

interface ChartProps {
  readonly title: string;
  readonly steps: number[];
  readonly lines: readonly Line[];
  readonly isLog?: boolean;
  /** Steps that are shown; null for all. */
  readonly range: Range | null;
  /** Changes when colours do. */
  readonly theme: string;
  readonly onRange: (range: Range | null) => void;
}

const height = 220;

export default function Chart({ title, steps, lines, isLog = false, range, theme, onRange }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ onRange, isSetting: false });
  latest.current.onRange = onRange;
  const shape = lines.map(({ label, colour }) => `${label}/${colour}`).join();

  useEffect(() => {
    const element = place.current!;
    const style = getComputedStyle(element);
    const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
    const axis = {
      stroke: colour('muted'),
      grid: { stroke: colour('line'), width: 1 },
      ticks: { show: false },
    };
    const made = new uPlot(
      {
        width: element.clientWidth || 300,
        height,
        scales: { x: { time: false }, y: { distr: isLog ? 3 : 1 } },
        axes: [
          axis,
          { ...axis, size: 58, values: (_, values) => values.map((v) => (v === null ? '' : number(v, 3))) },
        ],
        cursor: { sync: { key: 'job' }, drag: { x: true, y: false } },
        legend: { live: true },
        series: [
          { label: 'Step' },
          ...lines.map(({ label, colour: name, isSparse = false }) => ({
            label,
            stroke: colour(name),
            width: 1.5,
            spanGaps: true,
            points: isSparse ? { show: true, size: 6 } : { show: false },
            value: (_: uPlot, value: number | null) => number(value),
          })),
        ],
        hooks: {
          setScale: [
            (self, scale) => {
              const { min, max } = self.scales['x']!;
              if (
                scale !== 'x' ||
                latest.current.isSetting ||
                min === undefined ||
                min === null ||
                max === undefined ||
                max === null
              )
                return;
              const all = self.data[0];
              const isAll = min <= (all[0] ?? 0) && max >= (all.at(-1) ?? 0);
              latest.current.onRange(isAll ? null : { min, max });
            },
          ],
        },
      },
      [[], ...lines.map(() => [])],
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [isLog, theme, shape]);

  useEffect(() => {
    const made = plot.current;
    if (!made) return;
    latest.current.isSetting = true;
    const positive = (points: Points) =>
      isLog ? points.map((v) => (v !== null && v > 0 ? v : null)) : points;
    made.batch(() => {
      made.setData([steps, ...lines.map(({ points }) => positive(points))], false);
      const [min, max] = range ? [range.min, range.max] : [steps[0] ?? 0, Math.max(steps.at(-1) ?? 1, 1)];
      made.setScale('x', { min, max });
    });
    // The scale is set in a microtask.
    queueMicrotask(() => (latest.current.isSetting = false));
  }, [steps, lines, range, isLog, theme, shape]);

  const move = (event: KeyboardEvent) => {
    const [first, final] = [steps[0] ?? 0, steps.at(-1) ?? 1];
    const { min, max } = range ?? { min: first, max: final };
    const width = max - min;
    const next: Record<string, Range | null> = {
      ArrowLeft: { min: min - width / 5, max: max - width / 5 },
      ArrowRight: { min: min + width / 5, max: max + width / 5 },
      '+': { min: min + width / 5, max: max - width / 5 },
      '-': { min: min - width / 3, max: max + width / 3 },
      '0': null,
    };
    if (!(event.key in next)) return;
    event.preventDefault();
    const wanted = next[event.key]!;
    onRange(wanted && wanted.max - wanted.min < final - first ? wanted : null);
  };
  const spoken = lines.map(({ label, points }) => `${label} ${number(last(points))}`).join(', ');
  const keys = 'Arrow keys move, plus and minus zoom, 0 shows all.';
  return (
    <figure className="chart">
      <figcaption>{title}</figcaption>
      <div
        ref={place}
        className="plot"
        role="img"
        tabIndex={0}
        aria-label={`${title} at step ${steps.at(-1) ?? 0}: ${spoken}. ${keys}`}
        onKeyDown={move}
      />
    </figure>
  );
}
