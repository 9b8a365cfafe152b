/** The area that a line covers which has many points in each column of pixels. */
import type uPlot from 'uplot';

export type LinePath = ReturnType<uPlot.Series.PathBuilder>;

/** Nothing of uPlot's clipping is needed. */
const noFlags = 0;

/** Fills, in each column, from the least to the greatest value, and to where the column before ended. */
export function bandPath(plot: uPlot, series: number, first: number, last: number): LinePath {
  const steps = plot.data[0];
  const values = plot.data[series]!;
  const half = ((plot.series[series]!.width ?? 1) * devicePixelRatio) / 2;
  const bars: { readonly x: number; top: number; bottom: number }[] = [];
  for (let i = first; i <= last; i++) {
    const value = values[i];
    if (value === null || value === undefined) continue;
    const x = Math.round(plot.valToPos(steps[i]!, 'x', true));
    const y = plot.valToPos(value, 'y', true);
    const bar = bars.at(-1);
    if (bar?.x === x) {
      bar.top = Math.min(bar.top, y);
      bar.bottom = Math.max(bar.bottom, y);
    } else bars.push({ x, top: y, bottom: y });
  }
  for (let i = 1; i < bars.length; i++) {
    const [before, bar] = [bars[i - 1]!, bars[i]!];
    if (bar.top > before.bottom) bar.top = before.bottom;
    else if (bar.bottom < before.top) bar.bottom = before.top;
  }
  const fill = new Path2D();
  const end = (i: number) => bars[i + 1]?.x ?? bars[i]!.x + 1;
  bars.forEach(({ x, top }, i) => {
    fill.lineTo(x, top - half);
    fill.lineTo(end(i), top - half);
  });
  for (let i = bars.length - 1; i >= 0; i--) {
    fill.lineTo(end(i), bars[i]!.bottom + half);
    fill.lineTo(bars[i]!.x, bars[i]!.bottom + half);
  }
  return { stroke: null, fill, clip: null, band: null, flags: noFlags };
}
