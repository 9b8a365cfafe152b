/** The card that an adapter brings along. */
export const cardName = 'README.md';

/** The `license` of a card's front matter; null if it names none, or `other`. */
export function licenceOf(card: string): string | null {
  const [, matter = ''] = /^---\r?\n([\s\S]*?)\r?\n---/.exec(card) ?? [];
  const licence = /^license:[ \t]*(\S.*)$/m.exec(matter)?.[1]?.replaceAll(/["']/g, '').trim();
  return licence && licence !== 'other' ? licence : null;
}
