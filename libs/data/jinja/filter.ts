/** What filters and tests are made of. */
import { matchArguments, type Parameter } from '#data/jinja/arguments.js';
import type { KeywordArguments } from '#data/jinja/values.js';

/** All filters and tests by name, for filters that apply others. */
export interface Registry {
  readonly filters: ReadonlyMap<string, Filter>;
  readonly tests: ReadonlyMap<string, Test>;
}

export type Filter = (
  input: unknown,
  positional: readonly unknown[],
  named: KeywordArguments,
  registry: Registry,
) => unknown;

export type Test = (
  input: unknown,
  positional: readonly unknown[],
  named: KeywordArguments,
  registry: Registry,
) => boolean;

/** A filter with parameters beside its input. */
export function defineFilter(
  parameters: readonly Parameter[],
  run: (input: unknown, ...values: unknown[]) => unknown,
): Filter {
  return (input, positional, named) => run(input, ...matchArguments('filter', parameters, positional, named));
}
