/** What an objective says of itself, for whoever computes nothing. Read in browsers too: imports zod only. */
import type { z } from 'zod';
import type { RowReading } from '#data/rows/row-reading.js';

/** A line of a chart: a metric of the steps, or of the evaluations. */
export interface ChartLine {
  readonly label: string;
  readonly metric: string;
  readonly of: 'step' | 'evaluation';
}

export interface ChartHint {
  readonly title: string;
  readonly lines: readonly ChartLine[];
  /** Whether a logarithmic axis means something. */
  readonly canLog: boolean;
}

/** A metric as text: its name, and its value with so many digits after the point. */
export interface MetricText {
  readonly metric: string;
  readonly digits: number;
}

export interface ObjectiveDeclaration {
  /** As `method.type` has it. */
  readonly type: string;
  /** For people. */
  readonly title: string;
  /** What the model makes that learns it. */
  readonly head: 'causal' | 'classify';
  /** Why the layers that make the model's output cannot be trained by it; undefined where they can. */
  readonly headRefusal?: string;
  /** `method`, with a default for every option. */
  readonly method: z.ZodObject<{ readonly type: z.ZodLiteral<string> }>;
  /** The data rows that it learns from, and how they are packed. */
  readonly rows: Omit<RowReading, 'explainOther'>;
  /** The same for a model that reads images; undefined where it learns from none. */
  readonly imageRows?: Omit<RowReading, 'explainOther'>;
  /** What to give for each option of the method. */
  readonly fixes: Readonly<Record<string, string>>;
  /** What it measures of a step beside what every objective has (see metrics.ts). */
  readonly stepMetrics: z.ZodObject;
  /** Likewise of an evaluation. */
  readonly evaluationMetrics: z.ZodObject;
  /** How lines of a terminal tell of them. */
  readonly texts: { readonly step: readonly MetricText[]; readonly evaluation: readonly MetricText[] };
  readonly charts: readonly ChartHint[];
  /** Metrics that checkpoints show, by the name that they have there after `train_` and `full_valid_`. */
  readonly checkpointMetrics: Readonly<Record<string, string>>;
  /** What is usual where the options say `auto`: the peak learning rate of a model of width 4,096, and the epochs. */
  readonly usual: { readonly learningRate: number; readonly epochs: number; readonly what: string };
}
