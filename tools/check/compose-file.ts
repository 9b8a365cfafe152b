/**
 * Fails if docker-compose.yml is not right: its form, its variables, images, health checks and secrets; or if it or the
 * Dockerfile names programs that are not built.
 *
 *     node dist/tools/check/compose-file.js
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { programRoot, programVersion } from '#platform/program.js';
import { composeProblems } from './compose-problems.js';

const read = (name: string) => readFileSync(join(programRoot, name), 'utf8');
const compose = read('docker-compose.yml');
const problems = composeProblems({ compose, example: read('.env.example'), version: programVersion }).map(
  (problem) => `docker-compose.yml: ${problem}`,
);
for (const [, file] of `${compose}\n${read('Dockerfile')}`.matchAll(/\/app\/(dist\/[\w./-]+\.js)/g)) {
  if (!existsSync(join(programRoot, file!))) problems.push(`/app/${file} of the image is not built`);
}
for (const problem of new Set(problems)) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else console.log('docker-compose.yml is as it should be.');
