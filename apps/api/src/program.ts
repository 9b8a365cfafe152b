/** The program as it lies on this disk. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The folder of the package, seen from its sources and from what was built of them alike. */
export const programFolder = findPackage(import.meta.dirname);

export const programVersion = (
  JSON.parse(readFileSync(path.join(programFolder, 'package.json'), 'utf8')) as { version: string }
).version;

function findPackage(start: string): string {
  let folder = start;
  while (!existsSync(path.join(folder, 'package.json'))) folder = path.dirname(folder);
  return folder;
}
