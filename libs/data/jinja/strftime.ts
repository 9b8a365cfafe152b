/** Python's strftime in English and UTC, as the C library of Linux does it. */

const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = 'January February March April May June July August September October November December'.split(
  ' ',
);

const dayMilliseconds = 86_400_000;

/** A number with its usual width and filling. */
type Part = string | readonly [value: number, width: number, fill?: ' ' | '0'];

/** A date by strftime's codes, with the flags `-`, `_`, `0`, `^` and `#` and widths. Unknown codes stay as they are. */
export function formatDate(date: Date, format: string): string {
  return format.replace(
    /%([-_0^#]*)(\d*)([A-Za-z%])/g,
    (whole, flags: string, width: string, code: string) => {
      const composed = compositions[code];
      const part = composed === undefined ? parts[code]?.(date) : formatDate(date, composed);
      if (part === undefined) return whole;
      let text: string;
      if (typeof part === 'string') {
        text = width === '' ? part : part.padStart(Number(width), flags.includes('0') ? '0' : ' ');
      } else {
        const [value, columns, usual = '0'] = part;
        const fill = flags.includes('_') ? ' ' : flags.includes('0') ? '0' : usual;
        const isBare = flags.includes('-');
        text = isBare ? String(value) : String(value).padStart(width === '' ? columns : Number(width), fill);
      }
      if (flags.includes('^')) return text.toUpperCase();
      return flags.includes('#') ? swapped(text, code) : text;
    },
  );
}

function swapped(text: string, code: string): string {
  return code === 'p' || code === 'Z' ? text.toLowerCase() : text.toUpperCase();
}

const compositions: Readonly<Record<string, string>> = {
  c: '%a %b %e %H:%M:%S %Y',
  D: '%m/%d/%y',
  F: '%Y-%m-%d',
  r: '%I:%M:%S %p',
  R: '%H:%M',
  T: '%H:%M:%S',
  x: '%m/%d/%y',
  X: '%H:%M:%S',
};

const parts: Readonly<Record<string, (date: Date) => Part>> = {
  a: (date) => weekdays[date.getUTCDay()]!.slice(0, 3),
  A: (date) => weekdays[date.getUTCDay()]!,
  b: (date) => months[date.getUTCMonth()]!.slice(0, 3),
  B: (date) => months[date.getUTCMonth()]!,
  C: (date) => [Math.floor(date.getUTCFullYear() / 100), 2],
  d: (date) => [date.getUTCDate(), 2],
  e: (date) => [date.getUTCDate(), 2, ' '],
  f: (date) => [date.getUTCMilliseconds() * 1000, 6],
  g: (date) => [isoWeek(date).year % 100, 2],
  G: (date) => [isoWeek(date).year, 4],
  h: (date) => months[date.getUTCMonth()]!.slice(0, 3),
  H: (date) => [date.getUTCHours(), 2],
  I: (date) => [date.getUTCHours() % 12 || 12, 2],
  j: (date) => [dayOfYear(date) + 1, 3],
  k: (date) => [date.getUTCHours(), 2, ' '],
  l: (date) => [date.getUTCHours() % 12 || 12, 2, ' '],
  m: (date) => [date.getUTCMonth() + 1, 2],
  M: (date) => [date.getUTCMinutes(), 2],
  n: () => '\n',
  p: (date) => (date.getUTCHours() < 12 ? 'AM' : 'PM'),
  P: (date) => (date.getUTCHours() < 12 ? 'am' : 'pm'),
  s: (date) => String(Math.floor(date.getTime() / 1000)),
  S: (date) => [date.getUTCSeconds(), 2],
  t: () => '\t',
  u: (date) => [date.getUTCDay() || 7, 1],
  U: (date) => [Math.floor((dayOfYear(date) + 7 - date.getUTCDay()) / 7), 2],
  V: (date) => [isoWeek(date).week, 2],
  w: (date) => [date.getUTCDay(), 1],
  W: (date) => [Math.floor((dayOfYear(date) + 7 - ((date.getUTCDay() + 6) % 7)) / 7), 2],
  y: (date) => [date.getUTCFullYear() % 100, 2],
  Y: (date) => [date.getUTCFullYear(), 1],
  z: () => '',
  Z: () => '',
  '%': () => '%',
};

/** Counts from 0. */
function dayOfYear(date: Date): number {
  const start = Date.UTC(date.getUTCFullYear(), 0, 1);
  return Math.floor((date.getTime() - start) / dayMilliseconds);
}

/** A week belongs to the year that has its Thursday. */
function isoWeek(date: Date): { year: number; week: number } {
  const weekday = (date.getUTCDay() + 6) % 7;
  const thursday = new Date(date.getTime() + (3 - weekday) * dayMilliseconds);
  return { year: thursday.getUTCFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 };
}
