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
  return Array.isArray(value) ? beginningOfList(value, room) : beginningOfObject(value, room);
}

/** By place: to go through a list by its keys makes all of them first, a text for each entry. */
function beginningOfList(list: readonly unknown[], room: number): string {
  let json = '[';
  for (let i = 0; i < list.length; i++) {
    if (i > 0) json += ',';
    if (json.length >= room) return json;
    json += beginning(list[i], room - json.length);
    if (json.length >= room) return json;
  }
  return `${json}]`;
}

function beginningOfObject(object: object, room: number): string {
  let json = '{';
  for (const key in object) {
    if (!Object.hasOwn(object, key)) continue;
    if (json.length > 1) json += ',';
    json += `${JSON.stringify(key.slice(0, room))}:`;
    if (json.length >= room) return json;
    json += beginning((object as Record<string, unknown>)[key], room - json.length);
    if (json.length >= room) return json;
  }
  return `${json}}`;
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
