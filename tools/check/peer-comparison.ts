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

/**
 * `--model FOLDER --data FILE --python PYTHON [--steps 20]`, and further numbers with their defaults. Throws an Error that
 * names what is missing.
 */
export function comparisonOf<N extends string = never>(
  args: readonly string[],
  numbers: Readonly<Record<N, number>> = {} as Record<N, number>,
): Comparison & Readonly<Record<N, number>> {
  const text = { type: 'string' } as const;
  const further = Object.fromEntries(Object.keys(numbers).map((name) => [name, text]));
  const { values } = parseArgs({
    args: [...args],
    options: { ...further, model: text, data: text, python: text, steps: { ...text, default: '20' } },
  });
  const given = values as Readonly<Record<string, string | undefined>>;
  const { model, data, python, steps } = given;
  if (!model || !data || !python) throw new Error('--model, --data and --python are needed');
  const all = Object.entries<number>(numbers).map(([name, usual]) => [name, Number(given[name] ?? usual)]);
  return {
    ...(Object.fromEntries(all) as Record<N, number>),
    model: resolve(model),
    data: resolve(data),
    python,
    steps: Number(steps),
  };
}
