/** The Range header of a request. */

/** First and last byte, both of them in. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

const syntax = /^bytes=[ \t]*(?:\d+-\d*|-\d+)(?:[ \t]*,[ \t]*(?:\d+-\d*|-\d+))*[ \t]*$/i;
/** Whoever asks for more pieces than this gets the whole. */
const maxRanges = 16;

/**
 * The parts of a file of so many bytes that a header asks for, in its order, those that touch each other joined. Empty if
 * the file has none of them; undefined if the whole is to be answered: without a header, and with one that is not
 * understood, as RFC 9110 wants it.
 */
export function rangesOf(header: string | undefined, bytes: number): readonly ByteRange[] | undefined {
  if (header === undefined || header.length > 1000 || !syntax.test(header)) return undefined;
  const ranges: ByteRange[] = [];
  for (const text of header.slice(header.indexOf('=') + 1).split(',')) {
    const [from = '', to = ''] = text.trim().split('-');
    const first = from === '' ? Math.max(0, bytes - Number(to)) : Number(from);
    const last = from === '' || to === '' ? bytes - 1 : Number(to);
    if (from !== '' && last < first && to !== '') return undefined;
    if (first <= Math.min(last, bytes - 1)) ranges.push({ first, last: Math.min(last, bytes - 1) });
  }
  const joined = join(ranges);
  return joined.length > maxRanges ? undefined : joined;
}

/** Joins ranges that overlap or follow each other; each stands where the first of its parts stood. */
function join(ranges: readonly ByteRange[]): ByteRange[] {
  const joined: { first: number; last: number; order: number }[] = [];
  const sorted = ranges.map((range, order) => ({ ...range, order })).toSorted((a, b) => a.first - b.first);
  for (const range of sorted) {
    const before = joined.at(-1);
    if (before === undefined || range.first > before.last + 1) {
      joined.push(range);
      continue;
    }
    before.last = Math.max(before.last, range.last);
    before.order = Math.min(before.order, range.order);
  }
  return joined.toSorted((a, b) => a.order - b.order).map(({ first, last }) => ({ first, last }));
}
