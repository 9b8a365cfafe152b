/** Which field of a request an error of composing is about. */
import { ApiError, isCallers } from '../errors/api-error.js';

const fields: Readonly<Record<string, string>> = {
  rank_invalid: 'rank',
  rank_above_stack: 'rank',
  energy_invalid: 'energy',
};

/** Runs what composes members; a refusal then names the field. */
export async function mapErrors<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isCallers(error)) throw error;
    const param = fields[error.code] ?? 'members';
    throw new ApiError(error.code, `${param}: ${error.message}`, { param, status: 400, cause: error });
  }
}
