/** The Warning header, for what an answer is given in spite of. */
import type { Response } from 'express';

const maxNames = 10;
const maxNameLength = 80;

/** Adds a warning about some fields (code 299). */
export function warn(response: Pick<Response, 'append'>, what: string, names: readonly string[]): void {
  const shown = names.slice(0, maxNames).map((name) => plain(name).slice(0, maxNameLength));
  const more = names.length > maxNames ? ` and ${names.length - maxNames} more` : '';
  response.append('warning', `299 - "${what}: ${shown.join(', ')}${more}"`);
}

/** As a quoted text of a header may have it. */
function plain(name: string): string {
  return name.replaceAll(/[^\x20-\x7e]|["\\]/g, '?');
}
