/** Values of callers in messages: never longer than a message can bear, however large the value is. */

/** How much of a value a message shows. */
const shownCharacters = 100;
const shownNames = 5;

/** The JSON of a value, cut to `limit` characters; no more of the value is looked at than is shown. */
export function quote(value: unknown, limit = shownCharacters): string {
  if (value === undefined) return 'nothing';
  const json = beginning(value, limit + 1);
  return json.length > limit ? `${json.slice(0, limit)}...` : json;
}

/** JSON that is right for its first `room` characters. */
function beginning(value: unknown, room: number): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, room));
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'nothing';
  const isList = Array.isArray(value);
  let json = isList ? '[' : '{';
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    if (json.length > 1) json += ',';
    if (!isList) json += `${JSON.stringify(key.slice(0, room))}:`;
    if (json.length >= room) return json;
    json += beginning((value as Record<string, unknown>)[key], room - json.length);
    if (json.length >= room) return json;
  }
  return json + (isList ? ']' : '}');
}

/** The first names of a list, and how many more there are. */
export function listed(names: readonly string[], limit = shownNames): string {
  const shown = names.slice(0, limit).map((name) => cut(name));
  const more = names.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** A name of a caller's, cut where it is longer than any name. */
export function cut(name: string, limit = shownCharacters): string {
  return name.length > limit ? `${name.slice(0, limit)}...` : name;
}
