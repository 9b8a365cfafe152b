/** `lowrank start` as a process: how it refuses, dies, comes back and ends. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LowrankClient } from '#client/client.js';
import { uploadFile } from '../../apps/cli/src/upload-file.js';
import { isAlive } from '#platform/process-identity.js';
import { waitForEnd, waitForStep } from './stack-watch.js';
import { writeTinyJob } from './tiny-job.js';

const main = join(import.meta.dirname, '../../dist/apps/cli/src/main.js');

let home: string;
let environment: NodeJS.ProcessEnv;
let launcher: ChildProcess;
let url: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'lowrank-start-'));
  const { PATH, HOME } = process.env;
  environment = {
    PATH,
    HOME,
    LOWRANK_HOME: home,
    PORT: '0',
    WORKER_MEASURES_SPEED: 'false',
    WORKER_HEARTBEAT_SECONDS: '0.5',
    WORKER_LOST_SECONDS: '2',
  };
  await start();
}, 120_000);
afterAll(async () => {
  if (launcher?.exitCode === null && launcher.signalCode === null) {
    launcher.kill('SIGTERM');
    await once(launcher, 'exit');
  }
  await rm(home, { recursive: true, force: true });
});

/** Starts `lowrank start` and waits for the line that says it is ready. */
async function start(): Promise<void> {
  launcher = spawn(process.execPath, [main, 'start', '--json'], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  launcher.stderr!.on('data', (text) => (log += String(text)));
  for await (const line of createInterface({ input: launcher.stdout! })) {
    ({ url } = JSON.parse(line) as { url: string });
    environment = { ...environment, PORT: new URL(url).port };
    return;
  }
  throw new Error(`lowrank start ended: ${log}`);
}

/** Processes of the home: children of the launcher, and theirs. */
function family(root: number): number[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  const found = [root];
  for (const parent of found) found.push(...pairs.filter(([, of]) => of === parent).map(([pid]) => pid));
  return found.filter((pid) => pid !== root && isAlive(pid));
}

async function refused(
  changes: NodeJS.ProcessEnv,
): Promise<{ code: number; error: Record<string, unknown> }> {
  const env = { ...environment, ...changes };
  const failure = await promisify(execFile)(process.execPath, [main, 'start', '--json'], { env }).then(
    () => Promise.reject(new Error('a second one started')),
    (error: { code: number; stderr: string }) => error,
  );
  const { error } = JSON.parse(failure.stderr.trim().split('\n').at(-1)!) as {
    error: Record<string, unknown>;
  };
  return { code: failure.code, error };
}

test('a second one on the same home or port is refused with who is in the way', async () => {
  const { pid } = launcher;
  expect(await refused({ PORT: '0' })).toMatchObject({
    code: 6,
    error: { code: 'home_in_use', details: { pid, url } },
  });
  const port = Number(environment['PORT']);
  expect(await refused({ LOWRANK_HOME: join(home, 'other') })).toMatchObject({
    code: 6,
    error: { code: 'port_in_use', details: { port } },
  });
});

test('killed, it leaves nothing running, and started again it finishes the job', async () => {
  const client = new LowrankClient({ url });
  const folder = join(home, 'tiny');
  const { lora, training } = await writeTinyJob(folder);
  await client.models.add({ folder: join(folder, 'model'), name: 'tiny' });
  const training_file = (await uploadFile(client, join(folder, 'train.jsonl'))).id;
  const longer = {
    ...training,
    max_steps: 120,
    gradient_accumulation_steps: 8,
    checkpoint_steps: 10,
    seed: undefined,
  };
  const { id } = await client.jobs.create({ model: 'tiny', training_file, lora, training: longer });
  await waitForStep(client, id, 15);
  const children = family(launcher.pid!);
  expect(children.length).toBeGreaterThan(3);
  launcher.kill('SIGKILL');
  await once(launcher, 'exit');
  // Started at once: what is left of the one before is waited for.
  await start();
  await expect.poll(() => children.filter((pid) => isAlive(pid)), { timeout: 20_000 }).toEqual([]);
  expect(await waitForEnd(client, id)).toMatchObject({ status: 'succeeded', progress: { step: 120 } });
}, 120_000);

test('asked to end, it stops everything and ends well', async () => {
  const children = family(launcher.pid!);
  launcher.kill('SIGTERM');
  const [code] = await once(launcher, 'exit');
  expect(code).toBe(0);
  expect(children.filter((pid) => isAlive(pid))).toEqual([]);
});
