/** A picture of curves on a canvas, drawn anew when something changed and it is in sight. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { number } from '../format.js';
import { type DrawnPoints, drawnPoints, joined } from './decimate.js';
import { bandPath, type LinePath } from './band.js';
import type { FrameQueue } from './frame-queue.js';
import { followPointer } from './gestures.js';
import type { Line } from './lines.js';
import type { SmoothedColumn } from './smooth.js';
import type { Viewport } from './viewport.js';

export interface CurvePlotOptions {
  readonly lines: readonly Line[];
  readonly viewport: Viewport;
  /** Of all charts that share the viewport. */
  readonly queue: FrameQueue;
  readonly isLog: boolean;
  readonly drag: () => 'zoom' | 'move';
}

const height = 220;
const axisWidth = 58;
const sightMargin = '0px';
const unbound = () => null;
const nothing: DrawnPoints = { steps: [], values: [], isDense: false };
const linePath = uPlot.paths.linear!();

export class CurvePlot {
  private readonly plot: uPlot;
  private readonly ended = new AbortController();
  private readonly observers: (ResizeObserver | IntersectionObserver)[];
  private smoothed: readonly (SmoothedColumn | null)[] = [];
  private isInSight = false;
  private isStale = true;
  /** Of each series: whether its points are the extremes of columns of pixels. */
  private dense: readonly boolean[] = [];
  private shownRange = { min: NaN, max: NaN };

  constructor(
    private readonly element: HTMLElement,
    private readonly options: CurvePlotOptions,
  ) {
    this.plot = new uPlot(this.plotOptions(), [[], ...options.lines.flatMap(() => [[], []])], element);
    const resized = new ResizeObserver(() => this.fit());
    resized.observe(element);
    const sighted = new IntersectionObserver(
      (entries) => {
        this.isInSight = entries.at(-1)?.isIntersecting ?? false;
        this.schedule();
      },
      { rootMargin: sightMargin },
    );
    sighted.observe(element);
    this.observers = [resized, sighted];
    const { signal } = this.ended;
    const stop = options.viewport.subscribe(() => this.schedule());
    signal.addEventListener('abort', stop);
    const { viewport, drag } = options;
    const mark = (stretch: { from: number; to: number } | null) =>
      this.plot.setSelect(
        {
          left: stretch?.from ?? 0,
          width: stretch ? stretch.to - stretch.from : 0,
          top: 0,
          height: stretch ? this.plot.over.clientHeight : 0,
        },
        false,
      );
    followPointer({ element: this.plot.over, viewport, drag, mark }, signal);
    this.plot.over.addEventListener('pointerenter', () => options.queue.prefer(this.show), { signal });
  }

  /** Draws what was added to the tables; a line with a smoothed column has its own values faintly behind it. */
  update(smoothed: readonly (SmoothedColumn | null)[]): void {
    this.smoothed = smoothed;
    this.isStale = true;
    this.schedule();
  }

  destroy(): void {
    this.ended.abort();
    this.options.queue.forget(this.show);
    for (const observer of this.observers) observer.disconnect();
    this.plot.destroy();
  }

  private schedule(): void {
    if (this.isInSight) this.options.queue.ask(this.show);
  }

  private readonly show = (): void => {
    const { min, max } = this.options.viewport.range;
    if (this.isStale || min !== this.shownRange.min || max !== this.shownRange.max) this.draw();
    this.point();
  };

  private draw(): void {
    const { lines, viewport } = this.options;
    const { min, max } = viewport.range;
    const pixels = Math.max(1, Math.round(this.plot.bbox.width));
    const points = lines.flatMap(({ table, column }, i) => {
      const smoothed = this.smoothed[i];
      const own = drawnPoints(table, table.column(column), { min, max, pixels });
      return smoothed ? [own, drawnPoints(table, smoothed.read(), { min, max, pixels })] : [nothing, own];
    });
    this.dense = points.map(({ isDense }) => isDense);
    const [steps, ...columns] = joined(points);
    // A logarithmic axis has no place for zero.
    const values = this.options.isLog
      ? columns.map((column) => column.map((value) => (value !== null && value > 0 ? value : null)))
      : columns;
    this.plot.batch(() => {
      this.plot.setData([steps, ...values], false);
      this.plot.setScale('x', { min, max });
    });
    this.isStale = false;
    this.shownRange = { min, max };
  }

  private point(): void {
    const step = this.options.viewport.pointed();
    const { min, max } = this.shownRange;
    const isShown = step !== null && step >= min && step <= max;
    const left = isShown ? this.plot.valToPos(step, 'x') : -10;
    this.plot.setCursor({ left, top: isShown ? 0 : -10 }, false);
  }

  private fit(): void {
    const width = this.element.clientWidth;
    if (width === 0 || width === this.plot.width) return;
    this.plot.setSize({ width, height });
    this.isStale = true;
    this.schedule();
  }

  /** A stroke through thousands of corners takes long; the area that it covers is filled in a moment. */
  private pathOf(plot: uPlot, series: number, first: number, last: number): LinePath {
    if (this.dense[series - 1]) return bandPath(plot, series, first, last);
    const path = linePath(plot, series, first, last);
    return path && { ...path, fill: null };
  }

  private plotOptions(): uPlot.Options {
    const { lines, isLog } = this.options;
    const style = getComputedStyle(this.element);
    const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
    const font = `12px ${style.fontFamily}`;
    const axis: uPlot.Axis = {
      stroke: colour('text-3'),
      grid: { stroke: colour('line'), width: 1 },
      ticks: { show: false },
      font,
    };
    const short = (values: (number | null)[]) => values.map((v) => (v === null ? '' : number(v, 3)));
    const steps = (values: number[]) =>
      values.map((v) => (Number.isInteger(v) ? v.toLocaleString('en') : ''));
    return {
      width: this.element.clientWidth || 300,
      height,
      scales: { x: { time: false }, y: { distr: isLog ? 3 : 1 } },
      axes: [
        { ...axis, size: 30, values: (_, values) => steps(values) },
        { ...axis, size: axisWidth, values: (_, values) => short(values) },
      ],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: false, y: false, setScale: false },
        bind: {
          mousedown: unbound,
          mouseup: unbound,
          click: unbound,
          dblclick: unbound,
          mousemove: unbound,
          mouseleave: unbound,
          mouseenter: unbound,
        },
        dataIdx: nearestValue,
        points: { size: 7 },
      },
      series: [
        {},
        ...lines.flatMap(({ colour: name, isSparse = false }) => {
          const line: uPlot.Series = {
            stroke: colour(name),
            fill: colour(name),
            spanGaps: true,
            points: { show: false },
            paths: (plot, i, first, last) => this.pathOf(plot, i, first, last),
          };
          const marked = { show: true, size: 6, fill: colour(name) };
          return [
            { ...line, width: 1, alpha: 0.3 },
            { ...line, width: 1.5, points: isSparse ? marked : { show: false } },
          ];
        }),
      ],
    };
  }
}

/** The place nearest to `index` where a series has a value. */
function nearestValue({ data }: uPlot, series: number, index: number): number {
  const column = data[series] ?? [];
  for (let distance = 0; distance < column.length; distance++) {
    for (const place of [index - distance, index + distance]) {
      if (column[place] !== null && column[place] !== undefined) return place;
    }
  }
  return index;
}
