/** Names of rows: a prefix that tells what they are, and 24 random letters or digits. */
import { randomInt } from 'node:crypto';

const separators = {
  ftjob: '-',
  file: '-',
  adapter: '-',
  share: '-',
  upload: '_',
  part: '_',
  worker: '-',
  req: '-',
  ftckpt: '_',
  cp: '_',
  evt: '_',
  webhook: '-',
  key: '_',
  proj: '_',
} as const;

/** What an id names. */
export type IdPrefix = keyof typeof separators;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const LENGTH = 24;

/** A new id, such as `ftjob-3xJ...`; 142 random bits, so that nobody guesses one and no two are equal. */
export function newId(prefix: IdPrefix): string {
  return `${prefix}${separators[prefix]}${randomText(LENGTH)}`;
}

/** A new id of something whose kind is its prefix, such as `composition-3xJ...`. */
export function newIdOf(kind: string): string {
  return `${kind}-${randomText(LENGTH)}`;
}

/** Random letters and digits from the system's secure source. */
export function randomText(length: number): string {
  return Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}

/** Whether a text has the form of an id with this prefix; says nothing about its existence. */
export function isId(prefix: IdPrefix, text: string): boolean {
  const start = `${prefix}${separators[prefix]}`;
  return text.startsWith(start) && /^[A-Za-z0-9]{24}$/.test(text.slice(start.length));
}
