/**
 * How soon processes of the service start, and how soon its first and second job take their first step from their
 * submission, in medians; of several checkouts in turn, each built, to compare them.
 *
 *     node dist/tools/check/start-times.js [--rounds 10] [--services 4] [FOLDER...]
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { programRoot } from '#platform/program.js';

const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '10' }, services: { type: 'string', default: '4' } },
  allowPositionals: true,
});
const folders = (positionals.length > 0 ? positionals : [programRoot]).map((folder) => resolve(folder));

const argumentsOf = { trainer: ['--wait'], planner: [], generator: [join(tmpdir(), 'start-times'), '1e9'] };
type Name = keyof typeof argumentsOf;

/** The program of a process: packed, or as tsc wrote it. */
function mainOf(folder: string, name: string): string {
  const packed = join(folder, 'dist/processes', `${name}.js`);
  return existsSync(packed) ? packed : join(folder, 'dist/apps', name, 'src/main.js');
}

/** Milliseconds until a process says its first word, asked for what it does not know. */
async function startProcess(folder: string, name: Name): Promise<number> {
  const begin = performance.now();
  const child = fork(mainOf(folder, name), argumentsOf[name], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  child.send({ call: 1, method: 'checkpoint', input: null });
  // One of an earlier version may end instead of answering.
  await Promise.race([once(child, 'message'), once(child, 'exit')]);
  const took = performance.now() - begin;
  await endOf(child);
  return took;
}

/** Milliseconds until another API beside one that runs, on its database, takes requests. */
async function startApi(folder: string, environment: NodeJS.ProcessEnv): Promise<number> {
  const begin = performance.now();
  const child = fork(mainOf(folder, 'api'), [], {
    execArgv: [],
    env: { ...environment, PORT: '0' },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  await once(child, 'message');
  const took = performance.now() - begin;
  await endOf(child);
  return took;
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** The environment of a running API that a launcher started. */
function environmentOfApi(launcher: number): NodeJS.ProcessEnv {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/status`, 'utf8').includes(`\nPPid:\t${launcher}\n`)) continue;
      if (!/api(\/src\/main)?\.js/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))) continue;
      const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean);
      return Object.fromEntries(variables.map((one) => one.split(/=(.*)/s) as [string, string]));
    } catch {
      // It has ended.
    }
  }
  throw new Error('there is no API');
}

interface ServiceTimes {
  readonly ready: number;
  readonly api: number;
  readonly first: number;
  readonly second: number;
}

async function runService(folder: string): Promise<ServiceTimes> {
  const home = mkdtempSync(join(tmpdir(), 'start-times-'));
  const begin = performance.now();
  const { PATH, HOME } = process.env;
  const launcher = spawn(process.execPath, [join(folder, 'dist/apps/cli/src/main.js'), 'start', '--json'], {
    env: { PATH, HOME, LOWRANK_HOME: home, PORT: '0' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(launcher, 'exit');
  try {
    const [line] = (await once(createInterface({ input: launcher.stdout }), 'line')) as [string];
    const ready = performance.now() - begin;
    const { url } = JSON.parse(line) as { url: string };
    const form = new FormData();
    form.set('purpose', 'fine-tune');
    form.set(
      'file',
      new Blob([readFileSync(join(folder, 'examples/quickstart/train.jsonl'))]),
      'train.jsonl',
    );
    const { id } = await ask<{ id: string }>(`${url}/v1/files`, { method: 'POST', body: form });
    const first = await firstStep(url, id);
    const second = await firstStep(url, id);
    const api = await startApi(folder, environmentOfApi(launcher.pid!));
    return { ready, api, first, second };
  } finally {
    launcher.kill('SIGTERM');
    await ended;
    rmSync(home, { recursive: true, force: true });
  }
}

/** Runs a job to its end; yields the milliseconds from its submission to its first step. */
async function firstStep(url: string, file: string): Promise<number> {
  const begin = performance.now();
  const job = await ask<{ id: string }>(`${url}/v1/fine_tuning/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'prose-4m',
      training_file: file,
      lora: { r: 8 },
      training: { max_steps: 4, batch_size: 2, block_length: 128 },
    }),
  });
  const metrics = await fetch(`${url}/v1/fine_tuning/jobs/${job.id}/metrics?stream=true`);
  let step = 0;
  // It ends with the job.
  for await (const bytes of metrics.body!)
    if (Buffer.from(bytes).includes('"kind":"step"')) step ||= performance.now() - begin;
  if (step === 0) throw new Error(`job ${job.id} took no step`);
  return step;
}

async function ask<T>(url: string, init?: RequestInit): Promise<T> {
  const answer = await fetch(url, init);
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

const figures = new Map<string, number[]>();
const note = (name: string, figure: number) => figures.set(name, [...(figures.get(name) ?? []), figure]);

for (let round = 0; round < Number(values.rounds); round++)
  for (const folder of folders)
    for (const name of Object.keys(argumentsOf) as Name[])
      if (existsSync(mainOf(folder, name)))
        note(`${folder}: start of the ${name}`, await startProcess(folder, name));
for (let round = 0; round < Number(values.services); round++)
  for (const folder of folders)
    for (const [name, figure] of Object.entries(await runService(folder)))
      note(`${folder}: ${name === 'api' ? 'start of the API' : name}`, figure);

for (const [name, all] of figures) {
  const sorted = all.toSorted((a, b) => a - b);
  const median = (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.floor(sorted.length / 2)]!) / 2;
  console.log(`${name}: ${median.toFixed(0)} ms (${sorted.map((one) => one.toFixed(0)).join(' ')})`);
}
