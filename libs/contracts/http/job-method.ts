/** What a job's body says by OpenAI's `method` and `hyperparameters`. */
import { type Hyperparameters, hyperparameters } from '#contracts/http/hyperparameters.js';
import { defaultMethod, type Method, method } from '#training/objectives/declared/registry.js';

export type Loose = Readonly<Record<string, unknown>>;
/** A value as an object; an empty one if it is none. */
export const objectOf = (value: unknown): Loose =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : {};

/** What a method says under its type, and where. */
export function hyperparametersIn(method: unknown): { path: string; written: Loose } {
  const type = String(objectOf(method)['type']);
  const written = objectOf(objectOf(objectOf(method)[type])['hyperparameters']);
  return { path: `method.${type}.hyperparameters`, written };
}

/** The hyperparameters of OpenAI's two places. */
export function writtenHyperparameters({ method, hyperparameters }: Loose): Hyperparameters {
  return { ...objectOf(hyperparameters), ...hyperparametersIn(method).written };
}

/** The training option that a method stands for; none where it says no more than nothing would. */
export function writtenMethod({ method: asked }: Loose): { method?: Method } {
  if (!isSaid(asked)) return {};
  const own = Object.entries(hyperparametersIn(asked).written).filter(
    ([name]) => !(name in hyperparameters.shape),
  );
  const learns = method.parse({ ...withoutAuto(Object.fromEntries(own)), type: objectOf(asked)['type'] });
  return JSON.stringify(learns) === JSON.stringify(defaultMethod) ? {} : { method: learns };
}

/** Whether a field says more than leaving it out would. */
export function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null && value !== 'auto';
}

export function withoutAuto(entries: Loose): Loose {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => isSaid(value)));
}
