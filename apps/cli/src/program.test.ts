import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { job, page } from '../test/answers.js';
import { run } from '../test/run-cli.js';
import {
  sendError,
  sendJson,
  type StubAnswer,
  type StubServer,
  stubServer,
} from '../../../test/stub-server.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-'));
});
afterAll(() => rm(folder, { recursive: true }));

const servers: StubServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(answer: StubAnswer): Promise<StubServer> {
  const server = await stubServer(answer);
  servers.push(server);
  return server;
}

describe('a wrong command line', () => {
  test.each([
    [['nonsense']],
    [['jobs', '--limit', 'x']],
    [['cancel']],
    [['events', 'a', 'b']],
    [['train', '--nonsense']],
  ])('%j ends with 2', async (args) => {
    const { code, stderr } = await run(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: /);
  });

  test('without what a job needs says so', async () => {
    const { code, stderr } = await run(['train', '--model', 'tiny']);
    expect(code).toBe(2);
    expect(stderr).toContain('training_file is missing: give --data FILE');
  });
});

test('help and version end with 0', async () => {
  expect(await run(['--version'])).toMatchObject({ code: 0, stdout: '0.1.0\n' });
  const { code, stdout } = await run(['train', '--help']);
  expect(code).toBe(0);
  expect(stdout).toContain('--target-modules');
  expect(stdout).toContain('--url');
});

describe('against a server', () => {
  test('jobs are listed as a table, or as JSON', async () => {
    const { url, seen } = await serve((_, response) => sendJson(response, page([job])));
    const { stdout, code } = await run(['jobs', '--status', 'running'], {
      url,
      environment: { LOWRANK_API_KEY: 'lr-1' },
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^JOB {6}STATUS {3}STEPS {2}MODEL {2}CREATED\nftjob-1 {2}running {2}3\/10 {3}tiny /,
    );
    expect(seen[0]).toMatchObject({
      path: '/v1/fine_tuning/jobs',
      headers: { authorization: 'Bearer lr-1' },
    });
    expect(seen[0]!.query.get('status')).toBe('running');
    const json = await run(['jobs', '--json', '--url', url]);
    expect(JSON.parse(json.stdout)).toEqual(job);
  });

  test.each([
    [401, 4, 'invalid_api_key'],
    [404, 5, 'fine_tuning_job_not_found'],
    [409, 6, 'model_name_taken'],
    [400, 2, 'invalid_request'],
    [400, 6, 'job_finished'],
    [500, 1, 'internal_error'],
  ])('its error %i ends with %i and its message', async (status, expected, code) => {
    const { url } = await serve((_, response) =>
      sendError(response, status, { message: 'the reason', code }),
    );
    expect(await run(['cancel', 'ftjob-1'], { url })).toEqual({
      code: expected,
      stdout: '',
      stderr: 'error: the reason\n',
    });
    const json = await run(['cancel', 'ftjob-1', '--json'], { url });
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code, message: 'the reason' } });
  });

  test('several problems are listed', async () => {
    const problems = [
      { field: 'model', message: 'is missing', fix: 'name one' },
      { field: '', line: 3, message: 'is no JSON' },
    ];
    const { url } = await serve((_, response) =>
      sendError(response, 400, { message: 'two problems', problems }),
    );
    const { stderr } = await run(['cancel', 'x'], { url });
    expect(stderr).toBe('error: two problems\n  model: is missing; name one\n  line 3: is no JSON\n');
  });
});

describe('completion', () => {
  test.each(['bash', 'zsh', 'fish'])('for %s knows every command and its options', async (shell) => {
    const { stdout, code } = await run(['completion', shell]);
    expect(code).toBe(0);
    for (const word of ['start', 'adapters', 'verify', 'target-modules', 'dry-run', 'url'])
      expect(stdout).toContain(word);
  });
});

test('where tells of home and program without secrets', async () => {
  const environment = {
    LOWRANK_HOME: join(folder, 'home'),
    DATABASE_URL: 'postgres://me:secret@db.example:5432/x',
  };
  const { stdout } = await run(['where', '--json'], { environment });
  expect(JSON.parse(stdout)).toMatchObject({
    home: join(folder, 'home'),
    database: 'postgres://db.example:5432/x',
    running: null,
  });
  expect(stdout).not.toContain('secret');
});

test('prune removes old entries of caches only', async () => {
  const home = join(folder, 'home');
  const environment = { LOWRANK_HOME: home };
  await mkdir(join(home, 'cache/graphs/old'), { recursive: true });
  await mkdir(join(home, 'cache/adapters'), { recursive: true });
  await writeFile(join(home, 'cache/graphs/old/graph'), 'abc');
  await writeFile(join(home, 'cache/adapters/new'), 'x');
  for (const path of ['graph', '']) await utimes(join(home, 'cache/graphs/old', path), 0, 0);
  const dry = await run(['prune', '--dry-run', '--json'], { environment });
  expect(JSON.parse(dry.stdout)).toMatchObject({ entries: 1, bytes: 3, dry_run: true });
  expect((await run(['prune'], { environment })).stdout).toContain('removed 1 entries, 3 bytes');
  expect(await readFile(join(home, 'cache/adapters/new'), 'utf8')).toBe('x');
});
