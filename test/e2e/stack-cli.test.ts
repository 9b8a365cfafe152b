/** The `lowrank` command as a person runs it, against a service that runs. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readAdapter } from '#adapters/read-adapter.js';
import type { AdapterObject } from '#contracts/http/adapters.js';
import { startTestStack, type TestStack } from './stack.js';
import { writeTinyJob } from './tiny-job.js';

const main = join(import.meta.dirname, '../../dist/apps/cli/src/main.js');

let stack: TestStack;
let folder: string;
let adapter: string;
let jobId: string;

beforeAll(async () => {
  stack = await startTestStack();
  folder = join(stack.home, 'tiny');
  await writeTinyJob(folder);
}, 120_000);
afterAll(() => stack?.close());

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function lowrank(...args: string[]): Promise<Ran> {
  const env = { ...stack.environment, LOWRANK_URL: stack.url };
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

const train = () => {
  const data = ['--data', join(folder, 'train.jsonl'), '--validation', join(folder, 'validation.jsonl')];
  return ['train', '--model', 'tiny', ...data, '--r', '4', '--target-modules', 'q_proj,v_proj'];
};

test('a model is registered, listed and verified', async () => {
  const added = await lowrank('models', 'add', join(folder, 'model'), '--name', 'tiny');
  expect(added).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('tiny is registered: LlamaForCausalLM') as unknown,
  });
  expect((await lowrank('models')).stdout).toMatch(/^tiny +base +LlamaForCausalLM/m);
  expect((await lowrank('models', 'verify', 'tiny')).stdout).toBe('tiny: as registered\n');
  expect(await lowrank('models', 'verify', 'none')).toMatchObject({ code: 5 });
});

test('a plan is shown with its time, the lengths of the examples and the text that is learned marked', async () => {
  const { code, stdout } = await lowrank('plan', ...train().slice(1), '--steps', '20');
  expect(code).toBe(0);
  expect(stdout).toMatch(/adapter: [\d,]+ parameters in 4 layers/);
  expect(stdout).toContain('\u27e6It is 0.');
  expect(stdout).toContain('steps: 20');
  expect(stdout).toMatch(
    /^time: .* once it runs, judged by its [\d.]+ \* 10\^\d+ operations and \d+ processor cores/m,
  );
  expect(
    stdout.match(/^ {2}lengths: shortest \d+ tokens, median \d+, longest \d+; none is cut$/gm),
  ).toHaveLength(2);
});

test('a job is trained to its end and its adapter fetched', async () => {
  const out = join(folder, 'fetched');
  const { code, stdout } = await lowrank(...train(), '--steps', '20', '--suffix', 'sums', '--out', out);
  expect(code).toBe(0);
  jobId = /^job: (ftjob-\w+)$/m.exec(stdout)![1]!;
  adapter = /adapters get (adapter-\w+)/.exec(stdout)![1]!;
  expect(stdout).toMatch(/step 20\/20 loss \d/);
  expect((await readAdapter(out)).modules.size).toBe(4);
  expect(await readdir(out)).toContain('README.md');
});

test('jobs, events and adapters are listed', async () => {
  expect((await lowrank('jobs')).stdout).toMatch(new RegExp(`^${jobId} +succeeded +20/20 +tiny`, 'm'));
  expect((await lowrank('events', jobId)).stdout).toContain('info   Created fine-tuning job');
  expect((await lowrank('events', '-f', jobId)).code).toBe(0);
  const [line] = (await lowrank('adapters', '--json')).stdout.trim().split('\n');
  expect(JSON.parse(line!)).toMatchObject({ id: adapter, job: jobId });
});

test('the folder of an adapter is brought in again, and one without an adapter is refused by name', async () => {
  const fetched = join(folder, 'fetched');
  const { code, stdout } = await lowrank('adapters', 'import', fetched, '--suffix', 'back', '--json');
  expect(code).toBe(0);
  const { id, model, sha256 } = JSON.parse(stdout) as AdapterObject;
  const trained = await stack.client.adapters.get(adapter);
  expect({ model, sha256 }).toEqual({ model: 'tiny', sha256: trained.sha256 });
  await stack.client.adapters.delete(id);
  const refused = await lowrank('adapters', 'import', folder);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain(`${folder} has no adapter_config.json`);
});

test('the adapter and its base answer a prompt', async () => {
  const asked = await lowrank('chat', adapter, 'What is 1 plus 1?', '--max-tokens', '4', '--json');
  expect(asked.stderr).toBe('');
  expect(JSON.parse(asked.stdout)).toMatchObject({
    model: adapter,
    completion_tokens: 4,
    finish_reason: 'length',
  });
  expect(await lowrank('chat', 'tiny', 'One', '--raw', '--max-tokens', '3')).toMatchObject({
    code: 0,
    stderr: '',
  });
  expect(await lowrank('chat', 'nothing', 'One')).toMatchObject({ code: 5 });
});

test('Ctrl-C leaves the job running; it is then paused, resumed and cancelled', async () => {
  const env = { ...stack.environment, LOWRANK_URL: stack.url };
  const child = spawn(process.execPath, [main, ...train(), '--steps', '100000'], { env });
  let stdout = '';
  child.stdout.on('data', (text) => {
    stdout += String(text);
    // Once: the second one would end it on the spot.
    if (/^step \d/m.test(stdout) && !child.killed) child.kill('SIGINT');
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(130);
  const [, id] = /lowrank cancel (ftjob-\w+)/.exec(stdout)!;
  expect(await lowrank('pause', id!)).toMatchObject({ code: 0 });
  expect(await lowrank('resume', id!)).toMatchObject({ code: 0 });
  expect(await lowrank('cancel', id!)).toMatchObject({ code: 0 });
  const { code: end, stderr } = await lowrank('events', '-f', id!);
  expect({ end, stderr }).toEqual({ end: 8, stderr: `error: ${id} was cancelled\n` });
});

test('doctor finds the processor and what other devices lack', async () => {
  const { code, stdout } = await lowrank('doctor', '--json');
  const { devices, machine } = JSON.parse(stdout) as Record<
    string,
    { name: string; ok: boolean; code?: string; fix?: string }[]
  >;
  expect(machine!.map(({ name, ok }) => [name, ok])).toEqual(
    ['machine', 'home', 'service', 'database'].map((name) => [name, true]),
  );
  expect(devices!.find(({ name }) => name === 'cpu')).toMatchObject({ ok: true });
  for (const { ok, code, fix } of devices!) {
    if (ok) continue;
    expect(fix).toBeTruthy();
    expect(code).toMatch(/^(device|driver|dependency)_missing$/);
  }
  expect(code).toBe(0);
});

test('where tells what runs, and what is not there is an error with a code of its own', async () => {
  expect((await lowrank('where')).stdout).toContain(`process ${process.pid} on ${stack.url}`);
  expect(await lowrank('cancel', 'ftjob-none')).toMatchObject({ code: 5 });
  expect(await lowrank('jobs', '--url', 'http://127.0.0.1:9', '--json')).toMatchObject({ code: 3 });
}, 30_000);

test('nothing in the home is for other accounts, whoever made it', async () => {
  const open: string[] = [];
  for (const entry of await readdir(stack.home, { recursive: true, withFileTypes: true })) {
    const place = join(entry.parentPath, entry.name);
    const { mode, uid } = await lstat(place);
    // Its account must pass through one folder to the data of Postgres.
    const allowed = uid === 0 && place === join(stack.home, 'postgres') ? 0o010 : 0;
    if (!place.startsWith(folder) && !entry.isSymbolicLink() && (mode & 0o077 & ~allowed) !== 0)
      open.push(place);
  }
  expect(open).toEqual([]);
});

// Last: from here on the server wants a key.
test('keys are made, needed and revoked on the database that runs, which then stays closed', async () => {
  const created = await lowrank('keys', 'create', '--name', 'test', '--json');
  const { id, secret } = JSON.parse(created.stdout) as { id: string; secret: string };
  expect((await lowrank('keys', 'list')).stdout).toMatch(new RegExp(`^${id} +test +project +default`, 'm'));
  expect(await lowrank('jobs')).toMatchObject({ code: 4 });
  const { environment } = stack;
  environment['LOWRANK_API_KEY'] = secret;
  expect(await lowrank('jobs')).toMatchObject({ code: 0 });
  const made = await lowrank('keys', 'create', '--name', 'root', '--admin', '--json');
  const admin = JSON.parse(made.stdout) as { id: string; secret: string; role: string };
  expect(admin.role).toBe('admin');
  expect(await lowrank('keys', 'revoke', id)).toMatchObject({ code: 0, stdout: `${id} is revoked\n` });
  expect(await lowrank('jobs')).toMatchObject({ code: 4 });
  environment['LOWRANK_API_KEY'] = admin.secret;
  const refused = await lowrank('keys', 'revoke', admin.id);
  expect(refused.code).toBe(6);
  expect(refused.stderr).toContain('lowrank keys create --admin');
  expect(await lowrank('jobs')).toMatchObject({ code: 0 });
  const last = await lowrank('keys', 'revoke', admin.id, '--yes-lock-out');
  expect(last).toMatchObject({ code: 0, stdout: expect.stringContaining('No key is left') as unknown });
  expect(await lowrank('jobs')).toMatchObject({ code: 4 });
  delete environment['LOWRANK_API_KEY'];
  expect(await lowrank('jobs')).toMatchObject({ code: 4 });
});
