import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { EmbeddedPostgres } from '#platform/database/embedded-postgres.js';
import { findHolder } from './home-lock.js';
import { type LauncherOptions, type RunningStack, startStack } from './launcher.js';
import { LogPrinter } from './log-lines.js';
import { isAlive } from '#platform/process-identity.js';

let folder: string;
let journal: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'launcher-'));
  journal = join(folder, 'journal');
  await writeFile(join(folder, 'api.mjs'), api);
  await writeFile(join(folder, 'worker.mjs'), worker);
  await writeFile(join(folder, 'broken.mjs'), `console.error('no such database'); process.exit(1)`);
});
afterAll(() => rm(folder, { recursive: true }));

const stacks: RunningStack[] = [];
afterEach(async () => {
  for (const stack of stacks.splice(0)) await stack.stop();
});

/** Both end when asked to or when their parent is gone, and note that they did. */
const manners = `
import { appendFileSync } from 'node:fs';
const note = (text) => appendFileSync(process.env.JOURNAL, text + '\\n');
for (const why of ['SIGTERM', 'disconnect']) process.on(why, () => { note(name + ' ' + why); process.exit(0); });
`;
const api = `import { createServer } from 'node:http';
const name = 'api';
${manners}
const parts = { database: 'up', queue: 'up', objects: 'up', notifications: 'up' };
createServer((request, response) => response.end(JSON.stringify({ status: 'ready', parts }))).listen(process.env.PORT, process.env.HOST);
`;
const worker = `const name = 'worker';
${manners}
process.send({ type: 'ready' });
`;

interface FakePostgres extends EmbeddedPostgres {
  die(): void;
}

function fakePostgres(pid: number): FakePostgres {
  let end: (how: string) => void = () => undefined;
  const exited = new Promise<string>((resolve) => (end = resolve));
  return {
    url: 'postgres://x',
    pid,
    exited,
    die: () => end('SIGKILL'),
    async stop() {
      await writeFile(journal, 'postgres stopped\n', { flag: 'a' });
      end('exit code 0');
    },
  };
}

let homes = 0;
function options(parts: LauncherOptions['parts'] = {}): LauncherOptions & { lines: string[]; home: string } {
  const lines: string[] = [];
  const home = join(folder, `home-${homes++}`);
  return {
    lines,
    home,
    environment: { PATH: process.env['PATH'], LOWRANK_HOME: home, PORT: '0', JOURNAL: journal },
    log: new LogPrinter({ json: false, colour: false, write: (line) => lines.push(line) }),
    parts: {
      apiMain: join(folder, 'api.mjs'),
      workerMain: join(folder, 'worker.mjs'),
      startPostgres: () => Promise.resolve(fakePostgres(1)),
      ...parts,
    },
  };
}

async function start(given: LauncherOptions): Promise<RunningStack> {
  const stack = await startStack(given);
  stacks.push(stack);
  return stack;
}

test('everything runs once it has started, and is stopped worker first and database last', async () => {
  const given = options();
  const stack = await start({ ...given, workers: 2 });
  expect((await fetch(`${stack.url}/ready`)).ok).toBe(true);
  const { api, workers, postgres } = stack.pids();
  expect(workers.map((pid) => isAlive(pid))).toEqual([true, true]);
  expect(postgres).toBe(1);
  expect(await findHolder(given.home)).toMatchObject({ pid: process.pid, url: stack.url });
  await writeFile(journal, '');
  await stack.stop();
  expect((await readFile(journal, 'utf8')).trim().split('\n')).toEqual([
    'worker SIGTERM',
    'worker SIGTERM',
    'api SIGTERM',
    'postgres stopped',
  ]);
  expect([api!, ...workers].map((pid) => isAlive(pid))).toEqual([false, false, false]);
  expect(await findHolder(given.home)).toBeUndefined();
});

test('a second one on the same home is refused and disturbs nothing', async () => {
  const given = options();
  const stack = await start(given);
  await expect(startStack(given)).rejects.toMatchObject({
    code: 'home_in_use',
    details: { pid: process.pid },
  });
  expect((await fetch(`${stack.url}/ready`)).ok).toBe(true);
});

test('a taken port is refused before anything is started', async () => {
  const stack = await start(options());
  const { port } = new URL(stack.url);
  const other = options({ startPostgres: () => Promise.reject(new Error('started')) });
  const environment = { ...other.environment, PORT: port };
  await expect(startStack({ ...other, environment })).rejects.toMatchObject({
    code: 'port_in_use',
    details: { port: Number(port) },
  });
  expect(await findHolder(other.home)).toBeUndefined();
});

test('a part that does not start is told with its last words, and the others are stopped', async () => {
  const given = options({ apiMain: join(folder, 'broken.mjs') });
  await writeFile(journal, '');
  await expect(startStack(given)).rejects.toMatchObject({
    code: 'start_failed',
    message: expect.stringMatching(
      /^the api ended with code 1 while it started:\n.*no such database/,
    ) as unknown,
  });
  expect(given.lines.filter((line) => line.includes('no such database'))).toHaveLength(1);
  expect(await readFile(journal, 'utf8')).toContain('postgres stopped');
  expect(await findHolder(given.home)).toBeUndefined();
});

test('a database that dies is started again', async () => {
  const first = fakePostgres(1);
  const servers = [first, fakePostgres(2)];
  const given = options({ startPostgres: () => Promise.resolve(servers.shift()!) });
  const stack = await start(given);
  first.die();
  await expect.poll(() => stack.pids().postgres).toBe(2);
  expect(given.lines.join('\n')).toContain('the database ended (SIGKILL) and is started again');
});

test('with DATABASE_URL no database is started', async () => {
  const given = options({ startPostgres: () => Promise.reject(new Error('started')) });
  const environment = { ...given.environment, DATABASE_URL: 'postgres://db.example/x' };
  const stack = await start({ ...given, environment });
  expect(stack.pids().postgres).toBeUndefined();
});

test('a wrong environment is one error before anything is touched', async () => {
  const given = options();
  const environment = { ...given.environment, PORT: 'x', LOG_LEVEL: 'loud' };
  await expect(startStack({ ...given, environment })).rejects.toMatchObject({
    code: 'configuration',
    message: expect.stringMatching(/PORT.*LOG_LEVEL/) as unknown,
  });
});
