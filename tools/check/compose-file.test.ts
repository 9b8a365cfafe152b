import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { programVersion } from '#platform/program.js';
import { composeProblems, knownVariables } from './compose-problems.js';

const root = join(import.meta.dirname, '../..');
const compose = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
const example = readFileSync(join(root, '.env.example'), 'utf8');
const right = { compose, example, version: programVersion };

/** The file with one text replaced, which must be there. */
function withChange(from: string | RegExp, to: string): string {
  const changed = compose.replace(from, to);
  expect(changed).not.toBe(compose);
  return changed;
}

test('the Compose file has no problems', () => {
  expect(composeProblems(right)).toEqual([]);
});

test.each([
  ['a key that Compose does not have', 'restart: unless-stopped', 'restarts: unless-stopped', /restart/],
  ['YAML that ends in the middle', /volumes:\n {2}postgres:[^]*/, 'volumes: [', /not YAML/],
  ['an image without a version', 'redis:8.2.2-bookworm', 'redis:latest', /redis has the image redis:latest/],
  ['an image of another release', /lowrank:0\.1\.0/, 'lowrank:0.0.9', /the program's version is/],
  [
    'a password of the database',
    'POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?set it in .env}',
    'POSTGRES_PASSWORD: secret',
    /POSTGRES_PASSWORD written out/,
  ],
  [
    'a password in a URL',
    'redis://:${REDIS_PASSWORD:?set it in .env}@',
    'redis://:secret@',
    /password written out in REDIS_URL/,
  ],
  [
    'a password with a default',
    '${S3_SECRET_KEY:?set it in .env}',
    '${S3_SECRET_KEY:-minio}',
    /S3_SECRET_KEY/,
  ],
  ['a password in a command', '"$$REDIS_PASSWORD"\n', 'secret\n', /written out in its command/],
  [
    'a variable that the example lacks',
    '${LOG_LEVEL:-info}',
    '${LEVEL:-info}',
    /LEVEL is not in .env.example/,
  ],
  [
    'a service without a healthcheck',
    / {4}healthcheck:\n {6}test: \[CMD, pg[^]*?\n\n/,
    '\n',
    /postgres has no healthcheck/,
  ],
  [
    'a service that is waited for and not there',
    /^ {2}redis:\n {4}image/m,
    '  other:\n    image',
    /redis, which is not there/,
  ],
  [
    'a variable that the program does not know',
    'S3_BUCKET: lowrank\n  S3',
    'S3_NAME: lowrank\n  S3',
    /S3_NAME/,
  ],
  ['a value that the program refuses', "PORT: '8010'", "PORT: '80100'", /PORT must be/],
  ['a port that is open to everybody', '127.0.0.1:${LOWRANK_PORT', '${LOWRANK_PORT', /to other machines/],
  ['a volume that is not there', '- redis:/data', '- queue:/data', /volume queue/],
  ['a worker that is killed too soon', 'stop_grace_period: 40s', 'stop_grace_period: 20s', /hands jobs over/],
])('%s is found', (_, from, to, problem) => {
  const problems = composeProblems({ ...right, compose: withChange(from, to) });
  expect(problems.join('\n')).toMatch(problem);
});

test('an example with a value, or with a variable that nothing uses, is found', () => {
  const problems = composeProblems({ ...right, example: `${example}REDIS_PASSWORD=secret\nOTHER=\n` });
  expect(problems).toEqual([
    '.env.example has OTHER, which nothing uses',
    '.env.example gives REDIS_PASSWORD a value',
  ]);
});

test('the variables that the program reads are known', () => {
  expect([...knownVariables()]).toEqual(
    expect.arrayContaining(['HOST', 'PORT', 'S3_REGION', 'WORKER_DEVICES']),
  );
});
