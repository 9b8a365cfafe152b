/** What is wrong with a job that is planned, field by field. */
import { LowrankError, UnsupportedError } from '#base/errors.js';
import { type DataProblem, describePlace } from '#data/data-error.js';
import { OptionsError } from '#base/field-problems.js';
import { LoraConfigError } from '#lora/config.js';

export interface PlanProblem {
  /** `training.learning_rate`, `lora.r`, `training_file`, `init_adapter`, `model`. */
  readonly field: string;
  readonly code: string;
  readonly message: string;
  /** Line of the data, where it is about one. */
  readonly line?: number;
}

/** A job that cannot be made, with everything that is wrong. */
export class PlanError extends LowrankError {
  constructor(readonly problems: readonly PlanProblem[]) {
    const list = problems.map(({ field, message }) => `${field}: ${message}`);
    super('job_invalid', list.join('. '), { details: { problems } });
  }
}

/** What an error of a part says about its fields. Errors that are not the job's are thrown on. */
export function problemsOf(part: string, error: unknown): PlanProblem[] {
  if (error instanceof OptionsError || error instanceof LoraConfigError) {
    return error.problems.map(({ field, problem, fix }) => ({
      field: `${part}.${field}`,
      code: error.code,
      message: `${problem}; ${fix}`,
    }));
  }
  if (!(error instanceof LowrankError)) throw error;
  const { code, message, details } = error;
  if (error instanceof UnsupportedError && Array.isArray(details['options'])) {
    return (details['options'] as string[]).map((option) => ({
      field: `${part}.${option}`,
      code,
      message: 'is not supported; leave it out',
    }));
  }
  if (Array.isArray(details['problems'])) {
    return (details['problems'] as DataProblem[]).map(({ line, place, field, code, message }) => ({
      field: part,
      code,
      message: [describePlace({ line, place }), field, message].filter((text) => text !== '').join(', '),
      line,
    }));
  }
  const field = typeof details['field'] === 'string' ? details['field'] : part;
  return [{ field: part === 'lora' && field === part ? 'lora.target_modules' : field, code, message }];
}
