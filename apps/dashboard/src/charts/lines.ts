/** The charts of a job, and the lines that they have. */
import type { ChartHint, ChartLine } from '#training/objectives/declared/declaration.js';
import { declarationOf, type MethodType } from '#training/objectives/declared/registry.js';
import type { CurveColumns, JobCurves } from './curves.js';
import type { StepTable } from './step-table.js';

export interface Line {
  readonly label: string;
  readonly table: StepTable;
  readonly column: string;
  /** Name of a colour of the style sheet. */
  readonly colour: 'a' | 'b' | 'c' | 'd' | 'e' | 'f' | 'g' | 'h';
  /** Few values, each with a mark; never smoothed. */
  readonly isSparse?: boolean;
}

export interface ChartOf {
  readonly title: string;
  readonly lines: readonly Line[];
  /** Whether smoothing and a logarithmic axis mean something here. */
  readonly canSmooth: boolean;
  readonly canLog: boolean;
}

interface CommonChart extends ChartHint {
  /** The rate is what it was set to. */
  readonly isExact?: boolean;
}

const loss: CommonChart = {
  title: 'Loss',
  lines: [
    { label: 'training', metric: 'loss', of: 'step' },
    { label: 'validation', metric: 'loss', of: 'evaluation' },
  ],
  canLog: true,
};
const ofSteps = (title: string, label: string, metric: string, canLog: boolean): CommonChart => ({
  title,
  lines: [{ label, metric, of: 'step' }],
  canLog,
});
const ofAll: readonly CommonChart[] = [
  { ...ofSteps('Learning rate', 'rate', 'learning_rate', false), isExact: true },
  ofSteps('Gradient norm', 'norm', 'grad_norm', true),
  ofSteps('Tokens per second', 'speed', 'tokens_per_second', false),
];

const hintsOf = (type: MethodType): CommonChart[] => [loss, ...declarationOf({ type }).charts, ...ofAll];

export function chartsOf({ training, validation }: JobCurves, type: MethodType): readonly ChartOf[] {
  const lineOf = ({ label, metric, of }: ChartLine, index: number): Line =>
    of === 'step'
      ? { label, column: metric, table: training, colour: index === 0 ? 'a' : 'b' }
      : { label, column: metric, table: validation, colour: 'b', isSparse: true };
  return hintsOf(type).map(({ title, lines, canLog, isExact }) => ({
    title,
    lines: lines.map(lineOf),
    canSmooth: isExact !== true,
    canLog,
  }));
}

/** The columns that the charts show. */
export function columnsOf(type: MethodType): CurveColumns {
  const named = (of: ChartLine['of']) => [
    ...new Set(
      hintsOf(type).flatMap(({ lines }) =>
        lines.filter((line) => line.of === of).map(({ metric }) => metric),
      ),
    ),
  ];
  return { training: named('step'), validation: named('evaluation') };
}
