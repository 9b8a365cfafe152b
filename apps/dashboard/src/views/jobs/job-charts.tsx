/** The curves of a job, with one zoom for all of them. */
import { lazy, Suspense, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import type { JobFeedState } from '../../api/job-feed.js';
import type { MethodType } from '#training/objectives/declared/registry.js';
import { FrameQueue } from '../../charts/frame-queue.js';
import { chartsOf, columnsOf } from '../../charts/lines.js';
import { Viewport } from '../../charts/viewport.js';
import { whole } from '../../format.js';
import { saveAs } from '../../save.js';
import { useTheme } from '../../theme.js';

const Chart = lazy(() => import('../../charts/chart.js'));

/** Rendered anew whenever something was added to the curves, which stay the same object. */
type JobChartsProps = Pick<JobFeedState, 'curves' | 'reading'> & {
  readonly name: string;
  readonly method: MethodType;
};

export function JobCharts({ curves, reading, name, method }: JobChartsProps) {
  const [weight, setWeight] = useState(0);
  const [isLog, setLog] = useState(false);
  const [drag, setDrag] = useState<'zoom' | 'move'>('zoom');
  const theme = useTheme();
  const charts = useMemo(() => chartsOf(curves, method), [curves, method]);
  const [viewport] = useState(() => new Viewport());
  const [queue] = useState(() => new FrameQueue());
  const showsAll = useSyncExternalStore(viewport.subscribe, viewport.showsAll);
  const { firstStep, lastStep } = curves;
  const isEmpty = !Number.isFinite(firstStep);
  useEffect(() => {
    if (!isEmpty) viewport.setExtent(firstStep, lastStep);
  }, [viewport, isEmpty, firstStep, lastStep]);
  if (isEmpty && reading === null) {
    return (
      <p className="muted">
        The curves begin with the first step: data are read and the step compiled before.
      </p>
    );
  }
  return (
    <section aria-label="Curves">
      {reading && (
        <p className="progress">
          <progress value={reading.done} max={Math.max(1, reading.total)} aria-label="Steps read" />
          <span>
            Reading the curves: {whole(reading.done)} of {whole(reading.total)} steps
          </span>
        </p>
      )}
      <div className="line controls">
        <label>
          Smoothing{' '}
          <input
            type="range"
            min={0}
            max={0.99}
            step={0.01}
            value={weight}
            onChange={({ target }) => setWeight(Number(target.value))}
          />{' '}
          <output>{weight.toFixed(2)}</output>
        </label>
        <label>
          <input type="checkbox" checked={isLog} onChange={({ target }) => setLog(target.checked)} /> Log axis
        </label>
        <label>
          Dragging{' '}
          <select value={drag} onChange={({ target }) => setDrag(target.value as 'zoom' | 'move')}>
            <option value="zoom">zooms</option>
            <option value="move">moves</option>
          </select>
        </label>
        <button onClick={() => viewport.showAll()} disabled={showsAll}>
          Show all steps
        </button>
        <button
          onClick={() =>
            saveAs(`${name}.csv`, new Blob([curves.csv(columnsOf(method))], { type: 'text/csv' }))
          }
          disabled={reading !== null}
        >
          Save values
        </button>
      </div>
      <Suspense fallback={<p className="muted">Drawing…</p>}>
        <div className="charts">
          {charts.map(({ title, lines, canLog, canSmooth }) => (
            <Chart
              // Colours are those of the theme that it was made in.
              key={`${title} ${theme}`}
              title={title}
              lines={lines}
              viewport={viewport}
              queue={queue}
              weight={canSmooth ? weight : 0}
              isLog={isLog && canLog}
              drag={drag}
            />
          ))}
        </div>
      </Suspense>
      <p className="muted help">
        Drag to zoom, or to move with the shift key; double-click shows all. Control with the wheel or two
        fingers zoom. Every curve follows.
      </p>
    </section>
  );
}
