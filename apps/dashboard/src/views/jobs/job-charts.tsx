/** The curves of a job, with one zoom for all of them. */
import { Download, Maximize2 } from 'lucide-react';
import { lazy, Suspense, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import type { JobFeedState } from '../../api/job-feed.js';
import type { MethodType } from '#training/objectives/declared/registry.js';
import { FrameQueue } from '../../charts/frame-queue.js';
import { chartsOf, columnsOf } from '../../charts/lines.js';
import { Viewport } from '../../charts/viewport.js';
import { whole } from '../../format.js';
import { saveAs } from '../../save.js';
import { useTheme } from '../../theme.js';
import { Button } from '../../ui/button.js';
import { Checkbox, Segments, Slider } from '../../ui/field.js';
import { Progress, Skeleton } from '../../ui/layout.js';
import styles from './job.module.css';

const Chart = lazy(() => import('../../charts/chart.js'));

const drags = [
  ['zoom', 'Zoom'],
  ['move', 'Move'],
] as const;

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
      <p>
        The curves start with the first step. Before that, the data is read and the training step compiled.
      </p>
    );
  }
  return (
    <section aria-label="Charts">
      {reading && (
        <Progress label="Steps read" value={reading.done} max={reading.total}>
          Reading the curves: {whole(reading.done)} of {whole(reading.total)} steps
        </Progress>
      )}
      <div className={styles.controls}>
        <Slider label="Smoothing" value={weight} min={0} max={0.99} step={0.01} onChange={setWeight} />
        <Segments label="Dragging" value={drag} options={drags} onChange={setDrag} />
        <Checkbox isSelected={isLog} onChange={setLog}>
          Log scale
        </Checkbox>
        <Button isSmall icon={Maximize2} onPress={() => viewport.showAll()} isDisabled={showsAll}>
          Show all steps
        </Button>
        <Button
          isSmall
          icon={Download}
          onPress={() =>
            saveAs(`${name}.csv`, new Blob([curves.csv(columnsOf(method))], { type: 'text/csv' }))
          }
          isDisabled={reading !== null}
        >
          Download CSV
        </Button>
      </div>
      <Suspense fallback={<Skeleton of="the charts" lines={6} />}>
        <div className={styles.charts}>
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
      <p className={styles.help}>
        Drag to zoom in, drag with Shift to move, double-click to show everything. Ctrl with the wheel and two
        fingers zoom too. All charts move together.
      </p>
    </section>
  );
}
