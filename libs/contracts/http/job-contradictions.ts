/** What of a job's body cannot hold at once. */
import type { OptionProblem } from '#base/field-problems.js';
import {
  hyperparametersIn,
  isSaid,
  type Loose,
  objectOf,
  writtenMethod,
} from '#contracts/http/job-method.js';
import { defaultMethod, method } from '#training/objectives/declared/registry.js';

/** Two fields that contradict each other. */
export function contradictions(body: Loose): OptionProblem[] {
  const problems: OptionProblem[] = [];
  const differ = (field: string, value: unknown, otherField: string, other: unknown) => {
    if (!isSaid(value) || !isSaid(other) || value === other) return;
    problems.push({ field, problem: `contradicts ${otherField}`, fix: 'give one of them' });
  };
  if (isSaid(body['validation_split']) && isSaid(body['validation_file'])) {
    const problem = 'contradicts validation_file';
    problems.push({ field: 'validation_split', problem, fix: 'give one of them' });
  }
  const training = objectOf(body['training']);
  const deprecated = objectOf(body['hyperparameters']);
  const { path: methodPath, written: inMethod } = hyperparametersIn(body['method']);
  for (const key of ['batch_size', 'learning_rate_multiplier', 'n_epochs'] as const) {
    differ(`hyperparameters.${key}`, deprecated[key], `${methodPath}.${key}`, inMethod[key]);
  }
  for (const [path, written] of [
    ['hyperparameters', deprecated],
    [methodPath, inMethod],
  ] as const) {
    for (const key of ['batch_size', 'n_epochs']) {
      differ(`${path}.${key}`, written[key], `training.${key}`, training[key]);
    }
    if (isSaid(written['learning_rate_multiplier']) && isSaid(training['learning_rate'])) {
      const field = `${path}.learning_rate_multiplier`;
      problems.push({ field, problem: 'contradicts training.learning_rate', fix: 'give one of them' });
    }
    if (isSaid(written['n_epochs']) && isSaid(training['max_steps'])) {
      problems.push({
        field: `${path}.n_epochs`,
        problem: 'contradicts training.max_steps',
        fix: 'give one of them',
      });
    }
  }
  const own = isSaid(body['method']) && isSaid(training['method']) ? writtenMethod(body) : undefined;
  if (
    own &&
    JSON.stringify(own.method ?? defaultMethod) !== JSON.stringify(method.parse(training['method']))
  ) {
    problems.push({ field: 'method', problem: 'contradicts training.method', fix: 'give one of them' });
  }
  differ('seed', body['seed'], 'training.seed', training['seed']);
  differ('device', body['device'], 'training.device', training['device']);
  return problems;
}
