/** The API key that this tab uses. */
const keyName = 'lowrank-key';

/** Told whenever the server asks for a key. */
export const keyWanted = new EventTarget();

/** Undefined where none was given. */
export function keptKey(): string | undefined {
  return sessionStorage.getItem(keyName) ?? undefined;
}

/** Keeps a key until the tab is closed; an empty one is forgotten. */
export function keepKey(key: string): void {
  if (key === '') sessionStorage.removeItem(keyName);
  else sessionStorage.setItem(keyName, key);
}
