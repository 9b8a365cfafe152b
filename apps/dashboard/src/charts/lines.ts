/** The lines that the charts of a job have. */
import type { JobCurves } from './curves.js';
import type { StepTable } from './step-table.js';

export interface Line {
  readonly label: string;
  readonly table: StepTable;
  readonly column: string;
  /** Name of a colour of the style sheet. */
  readonly colour: 'a' | 'b';
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

export function chartsOf({ training, validation }: JobCurves): readonly ChartOf[] {
  const line = (label: string, column: string): Line => ({ label, column, table: training, colour: 'a' });
  const sparse = (column: string): Line => ({
    label: 'validation',
    column,
    table: validation,
    colour: 'b',
    isSparse: true,
  });
  return [
    { title: 'Loss', lines: [line('training', 'loss'), sparse('loss')], canSmooth: true, canLog: true },
    {
      title: 'Accuracy',
      lines: [line('training', 'accuracy'), sparse('accuracy')],
      canSmooth: true,
      canLog: false,
    },
    { title: 'Learning rate', lines: [line('rate', 'learning_rate')], canSmooth: false, canLog: false },
    { title: 'Gradient norm', lines: [line('norm', 'grad_norm')], canSmooth: true, canLog: true },
    {
      title: 'Tokens per second',
      lines: [line('speed', 'tokens_per_second')],
      canSmooth: true,
      canLog: false,
    },
  ];
}
