/** One chart of curves over steps, for the eye, the pointer and the keyboard. */
import { type KeyboardEvent, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { number, whole } from '../format.js';
import { CurvePlot } from './curve-plot.js';
import type { FrameQueue } from './frame-queue.js';
import type { Line } from './lines.js';
import { SmoothedColumn } from './smooth.js';
import type { Viewport } from './viewport.js';

interface ChartProps {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly viewport: Viewport;
  readonly queue: FrameQueue;
  /** Of smoothing, from 0 to below 1. */
  readonly weight: number;
  readonly isLog: boolean;
  readonly drag: 'zoom' | 'move';
}

const keys =
  'Arrow keys move, plus and minus zoom, 0 shows all, shift with an arrow key reads the values of a step.';

export default function Chart(props: ChartProps) {
  const { title, lines, viewport, queue, weight, isLog, drag } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<CurvePlot | null>(null);
  const dragMode = useRef(drag);
  useEffect(() => {
    dragMode.current = drag;
  }, [drag]);
  const [said, setSaid] = useState('');
  const smoothed = useMemo(
    () =>
      lines.map(({ table, column, isSparse }) =>
        weight > 0 && !isSparse ? new SmoothedColumn(table, column, weight) : null,
      ),
    [lines, weight],
  );
  useEffect(() => {
    const made = new CurvePlot(place.current!, {
      lines,
      viewport,
      queue,
      isLog,
      drag: () => dragMode.current,
    });
    plot.current = made;
    return () => made.destroy();
  }, [lines, viewport, queue, isLog]);
  // After every rendering: the tables of the lines grow in place.
  useEffect(() => plot.current?.update(smoothed));

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isReading = event.shiftKey && event.key.startsWith('Arrow');
    if (isReading) {
      const step = read(viewport, lines, event.key === 'ArrowLeft' ? -1 : 1);
      setSaid(readings(lines, smoothed, step).join(', '));
    } else if (!steer(viewport, event.key)) return;
    event.preventDefault();
  };
  const newest = Math.max(...lines.map(({ table }) => table.lastStep ?? 0));
  const latest = lines.map(({ label, table, column }) => `${label} ${number(table.last(column))}`);
  return (
    <figure className="chart">
      <figcaption>{title}</figcaption>
      {/* It has keys of its own, which a screen reader must pass on to it. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <div
        ref={place}
        className={`plot drag-${drag}`}
        role="application"
        aria-roledescription="chart"
        tabIndex={0}
        aria-label={`${title} at step ${newest}: ${latest.join(', ')}. ${keys}`}
        onKeyDown={onKeyDown}
      />
      <Reading lines={lines} smoothed={smoothed} viewport={viewport} />
      <p className="for-readers" aria-live="polite">
        {said}
      </p>
    </figure>
  );
}

/** What a key does to all charts; false if it does nothing. */
function steer(viewport: Viewport, key: string): boolean {
  const { min, max } = viewport.range;
  const fifth = (max - min) / 5;
  const moves: Record<string, () => void> = {
    ArrowLeft: () => viewport.pan(-fifth),
    ArrowRight: () => viewport.pan(fifth),
    '+': () => viewport.zoomBy(0.6),
    '=': () => viewport.zoomBy(0.6),
    '-': () => viewport.zoomBy(1 / 0.6),
    '0': () => viewport.showAll(),
    Escape: () => viewport.point(null),
  };
  moves[key]?.();
  return key in moves;
}

/** Points at the next step, or the next that can be told apart from this one, and brings it into sight. */
function read(viewport: Viewport, [line]: readonly Line[], direction: 1 | -1): number {
  const { min, max } = viewport.range;
  const table = line!.table;
  const from = viewport.pointed() ?? (direction > 0 ? min : max);
  const stride = Math.max(1, (max - min) / 200);
  const row = table.rowNear(Math.round(from + direction * stride));
  const step = table.steps[row] ?? from;
  viewport.point(step);
  if (step < min) viewport.pan(step - min);
  if (step > max) viewport.pan(step - max);
  return step;
}

/** The exact values at the row nearest to a step, in words. */
function readings(
  lines: readonly Line[],
  smoothed: readonly (SmoothedColumn | null)[],
  step: number,
): string[] {
  const at = lines[0]!.table.rowNear(step);
  const shown = lines[0]!.table.steps[at] ?? step;
  return [`Step ${whole(shown)}`, ...lines.map((line, i) => valueAt(line, smoothed[i] ?? null, shown))];
}

function valueAt({ label, table, column }: Line, smoothed: SmoothedColumn | null, step: number): string {
  const row = table.rowNear(step);
  if (row < 0) return `${label} –`;
  const own = table.steps[row]!;
  const notes = [
    ...(smoothed ? [`smoothed ${number(smoothed.read()[row])}`] : []),
    ...(own === step ? [] : [`step ${whole(own)}`]),
  ];
  const note = notes.length > 0 ? ` (${notes.join(', ')})` : '';
  return `${label} ${number(table.column(column)[row], 6)}${note}`;
}

interface ReadingProps {
  readonly lines: readonly Line[];
  readonly smoothed: readonly (SmoothedColumn | null)[];
  readonly viewport: Viewport;
}

/** Values where the pointer is, or else the newest ones. */
function Reading({ lines, smoothed, viewport }: ReadingProps) {
  const pointed = useSyncExternalStore(viewport.subscribe, viewport.pointed);
  const [step, ...values] = readings(lines, smoothed, pointed ?? Infinity);
  return (
    <p className="reading">
      <span>{step}</span>
      {values.map((text, i) => (
        <span key={lines[i]!.label}>
          <i className={`swatch ${lines[i]!.colour}`} aria-hidden="true" /> {text}
        </span>
      ))}
    </p>
  );
}
