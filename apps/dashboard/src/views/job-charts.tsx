/** The curves of a job, with one zoom for all of them. */
import { lazy, Suspense, useMemo, useState } from 'react';
import type { MetricObject } from '#contracts/http/streams.js';
import type { Line, Range } from '../charts/chart.js';
import { curvesOf, smooth } from '../charts/series.js';
import { useTheme } from '../theme.js';

const Chart = lazy(() => import('../charts/chart.js'));

export function JobCharts({ metrics }: { readonly metrics: readonly MetricObject[] }) {
  const [weight, setWeight] = useState(0);
  const [isLog, setLog] = useState(false);
  const [range, setRange] = useState<Range | null>(null);
  const theme = useTheme();
  const curves = useMemo(() => curvesOf(metrics), [metrics]);
  const charts = useMemo(() => {
    const line = (label: string, points: Line['points'], colour = 'a'): Line => ({
      label,
      colour,
      points: smooth(points, weight),
    });
    const sparse = (label: string, points: Line['points']): Line => ({
      label,
      points,
      colour: 'b',
      isSparse: true,
    });
    return [
      { title: 'Loss', lines: [line('training', curves.loss), sparse('validation', curves.validationLoss)] },
      {
        title: 'Accuracy',
        lines: [line('training', curves.accuracy), sparse('validation', curves.validationAccuracy)],
      },
      { title: 'Learning rate', lines: [{ label: 'rate', points: curves.learningRate, colour: 'a' }] },
      { title: 'Gradient norm', lines: [line('norm', curves.gradientNorm)] },
      { title: 'Tokens per second', lines: [line('speed', curves.speed)] },
    ];
  }, [curves, weight]);
  if (curves.steps.length === 0) {
    return (
      <p className="muted">
        The curves begin with the first step: data are read and the step compiled before.
      </p>
    );
  }
  return (
    <section aria-label="Curves">
      <div className="line">
        <label>
          Smoothing{' '}
          <input
            type="range"
            min={0}
            max={0.98}
            step={0.02}
            value={weight}
            onChange={({ target }) => setWeight(Number(target.value))}
          />{' '}
          {weight.toFixed(2)}
        </label>
        <label>
          <input type="checkbox" checked={isLog} onChange={({ target }) => setLog(target.checked)} /> Log axis
          for loss
        </label>
        <button onClick={() => setRange(null)} disabled={range === null}>
          Show all steps
        </button>
      </div>
      <Suspense fallback={<p className="muted">Drawing…</p>}>
        <div className="charts">
          {charts.map(({ title, lines }) => (
            <Chart
              key={title}
              title={title}
              lines={lines}
              steps={curves.steps}
              isLog={isLog && title === 'Loss'}
              range={range}
              theme={theme}
              onRange={setRange}
            />
          ))}
        </div>
      </Suspense>
    </section>
  );
}
