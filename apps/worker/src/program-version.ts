/** Which version of the program this is. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

function findRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

const { version } = JSON.parse(readFileSync(join(findRoot(), 'package.json'), 'utf8')) as { version: string };
export const programVersion = version;
