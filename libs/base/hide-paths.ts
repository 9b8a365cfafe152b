/** Messages for people who must not see how the machine's folders are called. */

/** A space is part of a folder's name only between words. */
const word = '[^\\s/"\'`():;,]+';
const folder = `${word}(?: ${word}){0,8}/`;
/** An absolute path of two parts or more that is no address of the API. */
const absolutePath = new RegExp(`(?<=^|[\\s"'\`(=])/(?!v1/|s/)(?:${folder})+(?:${word})?`, 'g');
/** Quotation marks tell where a path ends. */
const quotedPath = /(?<=(["'`]))\/(?!v1\/|s\/)[^"'`\n]+(?=\1)/g;

/**
 * The text with the last part of each absolute path in its place. `known` are paths that it may name, which are found
 * whatever characters they have.
 */
export function hidePaths(text: string, known: readonly string[] = []): string {
  let shown = text;
  for (const path of known.toSorted((a, b) => b.length - a.length)) shown = shown.replaceAll(path, lastPart);
  return shown
    .replaceAll(quotedPath, (path) => (path.lastIndexOf('/') > 0 ? lastPart(path) : path))
    .replaceAll(absolutePath, lastPart);
}

const lastPart = (path: string): string => path.split('/').findLast((part) => part !== '')!;

/** The absolute paths that an error and its causes tell of in their details. */
export function pathsOf(error: unknown): string[] {
  const { details, path, cause } = (error ?? {}) as { details?: unknown; path?: unknown; cause?: unknown };
  const told = [path, ...(typeof details === 'object' && details !== null ? Object.values(details) : [])];
  const paths = told.filter((value) => typeof value === 'string' && /^\/.+\/[^/]/.test(value)) as string[];
  return cause === undefined || cause === error ? paths : [...paths, ...pathsOf(cause)];
}
