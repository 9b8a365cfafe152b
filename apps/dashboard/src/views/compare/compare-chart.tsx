/** One metric of all runs in one chart. */
import { lazy, Suspense, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { FrameQueue } from '../../charts/frame-queue.js';
import type { Line } from '../../charts/lines.js';
import { Viewport } from '../../charts/viewport.js';
import { useTheme } from '../../theme.js';
import { Button } from '../../ui/button.js';
import { Checkbox, Slider } from '../../ui/field.js';
import { Card, Skeleton } from '../../ui/layout.js';
import { Select } from '../../ui/select.js';
import styles from './compare.module.css';
import { metricsOf, type Run, runColours } from './runs.js';

const Chart = lazy(() => import('../../charts/chart.js'));

interface CompareChartProps {
  readonly runs: readonly Run[];
  /** Of each run among those that the address names, by which it has its colour. */
  readonly places: readonly number[];
}

export function CompareChart({ runs, places }: CompareChartProps) {
  const theme = useTheme();
  const [viewport] = useState(() => new Viewport());
  const [queue] = useState(() => new FrameQueue());
  const showsAll = useSyncExternalStore(viewport.subscribe, viewport.showsAll);
  const [wanted, setWanted] = useState<string | null>(null);
  const [weight, setWeight] = useState(0);
  const [isLog, setLog] = useState(false);
  const metrics = metricsOf(runs);
  const filled = metrics.filter(({ lines }) =>
    lines.some((line) => line !== null && Number.isFinite(line.table.last(line.column))),
  );
  const metric = filled.find(({ id }) => id === wanted) ?? filled[0];
  const drawn = (metric?.lines ?? []).flatMap((line, i) =>
    line === null ? [] : [{ ...line, colour: runColours[places[i]!]! }],
  );
  // Jobs are read anew all the time, and their curves stay: a chart is made when there is another line.
  const identity = drawn.map(({ label, colour }) => `${label} ${colour}`).join(';');
  // oxlint-disable-next-line react/exhaustive-deps
  const lines: readonly Line[] = useMemo(() => drawn, [metric?.id, identity]);
  const firsts = runs.map(({ curves }) => curves.firstStep).filter((step) => Number.isFinite(step));
  const first = Math.min(...firsts);
  const last = Math.max(0, ...runs.map(({ curves }) => curves.lastStep));
  useEffect(() => {
    if (Number.isFinite(first)) viewport.setExtent(first, last);
  }, [viewport, first, last]);
  if (!metric) return null;
  return (
    <Card title="Curves">
      <div className={styles.controls}>
        <Select
          label="Metric"
          value={metric.id}
          options={filled.map(({ id, name }) => ({ id, name }))}
          onChange={setWanted}
        />
        {metric.canSmooth && !lines.every(({ isSparse }) => isSparse) && (
          <Slider label="Smoothing" value={weight} min={0} max={0.99} step={0.01} onChange={setWeight} />
        )}
        {metric.canLog && (
          <Checkbox isSelected={isLog} onChange={setLog}>
            Log axis
          </Checkbox>
        )}
        <Button isDisabled={showsAll} onPress={() => viewport.showAll()}>
          Show all steps
        </Button>
      </div>
      <Suspense fallback={<Skeleton of="the chart" />}>
        <Chart
          // Colours are those of the theme that it was made in.
          key={`${metric.id} ${identity} ${theme}`}
          title={metric.name}
          lines={lines}
          viewport={viewport}
          queue={queue}
          weight={metric.canSmooth ? weight : 0}
          isLog={isLog && metric.canLog}
          drag="zoom"
        />
      </Suspense>
    </Card>
  );
}
