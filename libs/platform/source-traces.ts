/** Stack traces of packed code that lead to its sources, at no cost until one is looked at. */
import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Maps that were needed, by file; null for files without one. */
const maps = new Map<string, SourceMap | null>();

function mapOf(file: string): SourceMap | null {
  const known = maps.get(file);
  if (known !== undefined) return known;
  let map: SourceMap | null = null;
  try {
    map = new SourceMap(
      JSON.parse(readFileSync(`${file}.map`, 'utf8')) as ConstructorParameters<typeof SourceMap>[0],
    );
  } catch {
    // Then the trace names what runs.
  }
  maps.set(file, map);
  return map;
}

function sourcePlace(url: string, line: string, column: string): string {
  const file = fileURLToPath(url);
  const found = mapOf(file)?.findOrigin(Number(line), Number(column));
  if (!found || !('fileName' in found)) return `${url}:${line}:${column}`;
  return `${resolve(dirname(file), found.fileName)}:${found.lineNumber}:${found.columnNumber}`;
}

/** What V8's call sites are beside what their type says. */
interface Printed {
  toString(): string;
}

/** Has every trace of this process name sources. Node's own way reads all maps at the start. */
export function traceToSources(): void {
  Error.prepareStackTrace = (error, sites) => {
    const places = (sites as readonly Printed[]).map((site) => {
      const place = site
        .toString()
        .replace(/(file:\/\/[^\s()]+):(\d+):(\d+)/, (_, ...at: string[]) =>
          sourcePlace(at[0]!, at[1]!, at[2]!),
        );
      return `\n    at ${place}`;
    });
    return String(error) + places.join('');
  };
}
