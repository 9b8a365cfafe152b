/** Python's matching of arguments to parameters. */
import { type Call, Callable, type KeywordArguments, TemplateFailure } from '#data/jinja/values.js';

/** A parameter: a name, with its value where it may be left out. */
export type Parameter = string | readonly [name: string, otherwise: unknown];

/** Values for all parameters in their order. Throws TemplateFailure for too many, too few or unknown arguments. */
export function matchArguments(
  name: string,
  parameters: readonly Parameter[],
  positional: readonly unknown[],
  named: KeywordArguments,
): unknown[] {
  if (positional.length > parameters.length) {
    throw new TemplateFailure(
      `${name}() takes at most ${parameters.length} arguments (${positional.length} given)`,
    );
  }
  const names = parameters.map((parameter) => (typeof parameter === 'string' ? parameter : parameter[0]));
  for (const given of named.keys()) {
    const index = names.indexOf(given);
    if (index < 0) throw new TemplateFailure(`${name}() got an unexpected keyword argument '${given}'`);
    if (index < positional.length) {
      throw new TemplateFailure(`${name}() got multiple values for argument '${given}'`);
    }
  }
  return parameters.map((parameter, index) => {
    if (index < positional.length) return positional[index];
    if (named.has(names[index]!)) return named.get(names[index]!);
    if (typeof parameter !== 'string') return parameter[1];
    throw new TemplateFailure(`${name}() missing 1 required positional argument: '${parameter}'`);
  });
}

/** A function of fixed parameters. */
export function defineFunction(
  name: string,
  parameters: readonly Parameter[],
  run: (...values: unknown[]) => unknown,
): Callable {
  const call: Call = (positional, named) => run(...matchArguments(name, parameters, positional, named));
  return new Callable(name, call);
}
