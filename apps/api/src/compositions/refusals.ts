/** Which field of a request an error of composing is about. */
import { AdapterError } from '#adapters/adapter.js';
import { CompositionError } from '#adapters/composition-members.js';
import { ApiError } from '../errors/api-error.js';

const fields: Readonly<Record<string, string>> = {
  rank_invalid: 'rank',
  rank_above_stack: 'rank',
  energy_invalid: 'energy',
};

/** Runs what composes members; a refusal then names the field. */
export async function refusing<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CompositionError) && !(error instanceof AdapterError)) throw error;
    const param = fields[error.code] ?? 'members';
    throw new ApiError(400, error.code, `${param}: ${error.message}`, { param, cause: error });
  }
}
