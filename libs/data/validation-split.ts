/** Which rows of a data set are kept back for validation: by a seed, and whole prompts at a time. */
import { createHash } from 'node:crypto';
import { LowrankError } from '#base/errors.js';
import type { ValidationSplit } from '#data/data-form.js';
import type { Row } from '#data/rows/row.js';

/** What rows with the same prompt have in common. */
function promptOf(row: Row): string | Uint8Array {
  switch (row.kind) {
    case 'chat': {
      const answer = row.messages.findIndex(({ role }) => role === 'assistant');
      return JSON.stringify(row.messages.slice(0, answer).map(({ role, content }) => [role, content]));
    }
    case 'completion':
      return row.prompt.trim() === '' ? row.completion : row.prompt;
    case 'preference':
      return promptOf(row.chosen);
    case 'text':
      return row.text;
    case 'labelled':
      return JSON.stringify([row.text, row.pair]);
    case 'image':
      return row.file;
    default:
      return row satisfies never;
  }
}

/** Names the prompt of a row. */
export function promptKey(row: Row): string {
  return createHash('sha256').update(promptOf(row)).digest('base64');
}

/** The place of a prompt in the order of a seed, a number that hardly two share. */
export function placeOf(key: string, seed: number): number {
  return createHash('sha256').update(`${seed} ${key}`).digest().readUIntBE(0, 6);
}

/**
 * The places that are kept back, from those of all rows: the first whole prompts that are not more than the split asks for, or
 * else the smallest. Throws LowrankError `no_blocks` where nothing would be left on one side.
 */
export function chooseValidation(places: readonly number[], split: ValidationSplit): ReadonlySet<number> {
  const wanted = split < 1 ? Math.max(1, Math.round(split * places.length)) : split;
  const counts = new Map<number, number>();
  for (const place of places) counts.set(place, (counts.get(place) ?? 0) + 1);
  if (wanted >= places.length || counts.size < 2) {
    const rows = `${places.length} rows with ${counts.size} prompts`;
    throw new LowrankError(
      'no_blocks',
      `validation_split: ${split} of ${rows} leaves nothing to learn from. Ask for less, or give a validation_file`,
      { details: { field: 'validation_split' } },
    );
  }
  const groups = [...counts].sort(([a], [b]) => a - b);
  const chosen = new Set<number>();
  let rows = 0;
  for (const [place, count] of groups) {
    if (rows + count > wanted) continue;
    chosen.add(place);
    rows += count;
    if (rows === wanted) break;
  }
  if (chosen.size === 0) chosen.add(groups.reduce((least, each) => (each[1] < least[1] ? each : least))[0]);
  return chosen;
}
