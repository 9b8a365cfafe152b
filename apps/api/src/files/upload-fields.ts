/** What the form of an upload says of its file beside the file itself. */
import { columnsFix, type DataForm, dataForm, formatFix, mergedForm } from '#data/data-form.js';
import { fileExpiry } from '#contracts/http/files.js';
import { ApiError } from '../errors/api-error.js';

/** As OpenAI's clients write the fields of `expires_after` into a form. */
const anchorField = 'expires_after[anchor]';
const secondsField = 'expires_after[seconds]';

/** Names of the fields. */
export const uploadFields = ['purpose', anchorField, secondsField, 'format', 'columns'];

/** Looks at one field as soon as it is there, so that a file is not sent in vain. Throws ApiError 400. */
export function checkUploadField(name: string, value: string): void {
  if (name === 'purpose') requireFineTune(value);
  else if (name === 'format' || name === 'columns') readPart(name, value);
  else expect(name, name === anchorField ? 'anchor' : 'seconds', value);
}

/** Looks at all of them. Yields after how many seconds the file expires; null for never. Throws ApiError 400. */
export function readUploadFields(fields: ReadonlyMap<string, string>): number | null {
  requireFineTune(fields.get('purpose'));
  const [anchor, seconds] = [fields.get(anchorField), fields.get(secondsField)];
  if (anchor === undefined && seconds === undefined) return null;
  expect(anchorField, 'anchor', anchor);
  expect(secondsField, 'seconds', seconds);
  return Number(seconds);
}

/** What is said of the file beside its bytes; null for nothing. Throws ApiError 400. */
export function readDataForm(fields: ReadonlyMap<string, string>): DataForm | null {
  const part = (name: 'format' | 'columns') => readPart(name, fields.get(name));
  return mergedForm({ ...part('format'), ...part('columns') }, null);
}

/** Columns come as JSON. */
function readPart(name: 'format' | 'columns', value: string | undefined): Partial<DataForm> {
  if (value === undefined) return {};
  const checked = dataForm.safeParse({ [name]: name === 'columns' ? jsonOf(value) : value });
  if (checked.success) return checked.data;
  const problem = `${JSON.stringify(value.slice(0, 200))} is not taken`;
  const fix = name === 'format' ? formatFix : `${columnsFix}, as JSON`;
  throw new ApiError('invalid_request', `${name}: ${problem}; ${fix}`, { param: name });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function requireFineTune(purpose: string | undefined): void {
  if (purpose === 'fine-tune') return;
  const message =
    purpose === undefined
      ? 'purpose: is missing; give "fine-tune"'
      : `purpose: ${JSON.stringify(purpose.slice(0, 64))} is not served here; only files for "fine-tune" are taken`;
  throw new ApiError('invalid_request', message, { param: 'purpose' });
}

function expect(name: string, part: keyof typeof fileExpiry.shape, value: string | undefined): void {
  // A form has texts only.
  const given = part === 'seconds' && value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : value;
  const checked = fileExpiry.shape[part].safeParse(given);
  if (checked.success) return;
  const problem = value === undefined ? 'is missing' : `${JSON.stringify(value.slice(0, 64))} is not taken`;
  const { minValue, maxValue } = fileExpiry.shape.seconds;
  const fix = part === 'anchor' ? 'give created_at' : `give a whole number from ${minValue} to ${maxValue}`;
  throw new ApiError('invalid_request', `${name}: ${problem}; ${fix}`, { param: name });
}
