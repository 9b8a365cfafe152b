/** The program as it lies on this disk, seen from its sources and from what was built of them alike. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

function findRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

/** The folder of package.json. */
export const programRoot = findRoot();

const { version } = JSON.parse(readFileSync(join(programRoot, 'package.json'), 'utf8')) as {
  version: string;
};
export const programVersion = version;

/** The processes of the service, by the names that tools/build/pack-processes.ts gives them. */
export type ProcessName =
  'api' | 'chat' | 'generator' | 'planner' | 'previews' | 'probe' | 'speed' | 'task' | 'trainer' | 'worker';

/** The built program of a process. */
export function processMain(name: ProcessName): string {
  return join(programRoot, 'dist', 'processes', `${name}.js`);
}
