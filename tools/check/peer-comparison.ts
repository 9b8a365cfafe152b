/** What the comparisons of trainings with other libraries have in common: their command line, and AdamW's options. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const optimizer = {
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
  maxGradNorm: 1,
};

export interface Comparison {
  /** Folder of the base model. */
  readonly model: string;
  readonly data: string;
  /** The Python that has the other library. */
  readonly python: string;
  readonly steps: number;
}

/** `--model FOLDER --data FILE --python PYTHON [--steps 20]`. Throws an Error that names what is missing. */
export function comparisonOf(args: readonly string[]): Comparison {
  const { values } = parseArgs({
    args: [...args],
    options: {
      model: { type: 'string' },
      data: { type: 'string' },
      python: { type: 'string' },
      steps: { type: 'string', default: '20' },
    },
  });
  const { model, data, python, steps } = values;
  if (!model || !data || !python) throw new Error('--model, --data and --python are needed');
  return { model: resolve(model), data: resolve(data), python, steps: Number(steps) };
}
