/** What chat templates may call beside their variables: Python's range and strftime. */

/** A template may not build lists without end. */
const LONGEST_RANGE = 100_000;

/** Python's range(), up to 100,000 items. */
export function range(start: number, stop?: number | null, step = 1): number[] {
  const [from, to] = stop === undefined || stop === null ? [0, start] : [start, stop];
  const length = Math.max(0, Math.ceil((to - from) / step));
  if (!(length <= LONGEST_RANGE)) throw new RangeError(`range() of ${length} items is too long`);
  return Array.from({ length }, (_, index) => from + index * step);
}

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
);

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** The codes of Python's strftime that chat templates use, in UTC and English. Others stay as they are. */
export function formatDate(date: Date, format: string): string {
  const weekday = WEEKDAYS[date.getUTCDay()]!;
  const month = MONTHS[date.getUTCMonth()]!;
  const hour = date.getUTCHours();
  const codes: Record<string, string> = {
    '%Y': String(date.getUTCFullYear()),
    '%y': two(date.getUTCFullYear() % 100),
    '%m': two(date.getUTCMonth() + 1),
    '%d': two(date.getUTCDate()),
    '%-d': String(date.getUTCDate()),
    '%B': month,
    '%b': month.slice(0, 3),
    '%A': weekday,
    '%a': weekday.slice(0, 3),
    '%H': two(hour),
    '%I': two(hour % 12 || 12),
    '%p': hour < 12 ? 'AM' : 'PM',
    '%M': two(date.getUTCMinutes()),
    '%S': two(date.getUTCSeconds()),
    '%%': '%',
  };
  return format.replace(/%-?[A-Za-z%]/g, (code) => codes[code] ?? code);
}
