/** Numbers as people read them. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let value = count;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]!}`;
}

export const whole = (count: number) => count.toLocaleString('en');

export function seconds(count: number): string {
  if (count < 60) return `${Math.round(count)} s`;
  if (count < 3600) return `${Math.floor(count / 60)} min ${Math.round(count % 60)} s`;
  return `${Math.floor(count / 3600)} h ${Math.round((count % 3600) / 60)} min`;
}

/** A time in one unit, or two for hours: `42 s`, `11 min`, `2 h 5 min`. */
export function brief(count: number): string {
  if (count < 60) return `${Math.round(count)} s`;
  const minutes = Math.round(count / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function number(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  return String(Number(value.toPrecision(digits)));
}

/** A share for people; one that is not quite all never reads as 100%. */
export function percent(share: number): string {
  if (share > 0.99995 && share < 1) return 'above 99.99%';
  return share === 1 ? '100%' : `${(100 * share).toFixed(2)}%`;
}

export const time = (unixSeconds: number) => new Date(unixSeconds * 1000).toLocaleString();
export const clock = (unixSeconds: number) => new Date(unixSeconds * 1000).toLocaleTimeString();

const scales = [
  [60, 1, 's'],
  [3600, 60, 'min'],
  [172_800, 3600, 'h'],
  [5_184_000, 86_400, 'days'],
  [63_072_000, 2_592_000, 'months'],
] as const;

/** How long ago something was, such as `3 min ago`. */
export function ago(elapsed: number): string {
  if (elapsed < 5) return 'just now';
  const [, size, unit] = scales.find(([below]) => elapsed < below) ?? [0, 31_536_000, 'years'];
  return `${Math.floor(elapsed / size)} ${unit} ago`;
}

const magnitudes = [
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'K'],
] as const;

/** A large count in a few characters, such as `1.24B`. */
export function short(count: number): string {
  const found = magnitudes.find(([size]) => count >= size);
  return found ? `${Number((count / found[0]).toPrecision(3))}${found[1]}` : String(count);
}
