import { ApiError } from '../errors/api-error.js';
import type { Found } from '#base/sound-values.js';

/** Throws ApiError for the first thing that makes a value not worth reading. */
export function refuse(found: Found | undefined, name: string): void {
  if (!found) return;
  const { problem, fix } = found;
  const field = found.field || name;
  throw new ApiError('invalid_request', `${field}: ${problem}; ${fix}`, {
    param: field,
    problems: [{ field, message: problem, fix }],
  });
}
