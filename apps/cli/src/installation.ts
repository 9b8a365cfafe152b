/** Where this program lies, and which version it is. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

function findRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

/** The folder of package.json, whether this runs from sources or compiled. */
export const programRoot = findRoot();

const { version } = JSON.parse(readFileSync(join(programRoot, 'package.json'), 'utf8')) as {
  version: string;
};
export const programVersion = version;

/** The compiled entry of an application. */
export function applicationMain(name: 'api' | 'worker'): string {
  return join(programRoot, 'dist', 'apps', name, 'src', 'main.js');
}

/** Where the service of a home notes its base models and their digests. */
export function modelRegistry({ home }: { readonly home: string }): string {
  return join(home, 'models');
}
