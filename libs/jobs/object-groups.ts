/** Objects of a store that belong together. */
import type { StoredObject } from '#platform/objects/object-store.js';

/** Objects that follow each other and share a name. */
export async function* groupedBy(
  objects: AsyncIterable<StoredObject>,
  nameOf: (object: StoredObject) => string,
): AsyncGenerator<[StoredObject, ...StoredObject[]]> {
  let group: [StoredObject, ...StoredObject[]] | undefined;
  for await (const object of objects) {
    if (group && nameOf(group[0]) === nameOf(object)) {
      group.push(object);
      continue;
    }
    if (group) yield group;
    group = [object];
  }
  if (group) yield group;
}
