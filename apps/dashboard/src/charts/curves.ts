/** The curves of a job, which grow as its metrics come. */
import type { MetricObject } from '#contracts/http/streams.js';
import { evaluationMetrics, stepMetrics } from '#training/metrics.js';
import { StepTable } from './step-table.js';

/** Columns of the tables by name, in the order in which they are written. */
export interface CurveColumns {
  readonly training: readonly string[];
  readonly validation: readonly string[];
}

export class JobCurves {
  readonly training = new StepTable(Object.keys(stepMetrics.shape));
  readonly validation = new StepTable(Object.keys(evaluationMetrics.shape));

  /** Takes the numbers of a step or an evaluation. */
  add({ kind, step, values }: Pick<MetricObject, 'kind' | 'step' | 'values'>): void {
    if (kind === 'step') this.training.add(step, values);
    else if (kind === 'evaluation') this.validation.add(step, values);
  }

  get firstStep(): number {
    return Math.min(this.training.firstStep ?? Infinity, this.validation.firstStep ?? Infinity);
  }

  get lastStep(): number {
    return Math.max(this.training.lastStep ?? 0, this.validation.lastStep ?? 0);
  }

  /** Every value of some columns as text for spreadsheets, a line for each step that has any. */
  csv(columns: CurveColumns): string {
    const { training, validation } = this;
    const header = ['step', ...columns.training, ...columns.validation.map((name) => `validation_${name}`)];
    const lines = [header.join(',')];
    const cells = (table: StepTable, names: readonly string[], row: number) =>
      names.map((name) => {
        const value = row < 0 ? NaN : table.column(name)[row]!;
        return Number.isNaN(value) ? '' : String(value);
      });
    let [i, j] = [0, 0];
    while (i < training.length || j < validation.length) {
      const trained = i < training.length ? training.steps[i]! : Infinity;
      const evaluated = j < validation.length ? validation.steps[j]! : Infinity;
      const step = Math.min(trained, evaluated);
      lines.push(
        [
          step,
          ...cells(training, columns.training, trained === step ? i++ : -1),
          ...cells(validation, columns.validation, evaluated === step ? j++ : -1),
        ].join(','),
      );
    }
    return `${lines.join('\n')}\n`;
  }
}
