/**
 * What composing and exporting cost through the service: three adapters of rank 16 on the shapes of a model of a billion
 * parameters, imported, previewed and composed to rank 16 over HTTP. With --model, the cost of its merged export too.
 * Memory is the peak that Linux tells of the process that does the work.
 *
 *     node dist/tools/check/composition-service-cost.js [--model FOLDER] [--dtype f16]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { create } from 'tar';
import { initialiseAdapter } from '#adapters/initialise.js';
import { writeAdapter } from '#adapters/write-adapter.js';
import { sizeOf } from '#base/shapes.js';
import type { ExportCreate } from '#contracts/http/compositions.js';
import { streamKey, uniformAt } from '#jit/random.js';
import { parseLoraConfig } from '#lora/config.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import { parseModelConfig } from '#models/config.js';
import { startOn } from '#adapters/base-layers.js';
import { openModelFolder } from '#models/model-folder.js';
import { buildModel } from '#models/families/registry.js';
import { LowrankClient } from '#client/client.js';
import { processMain, programRoot } from '#platform/program.js';
import { type RunningStack, startStack } from '../../apps/cli/src/launcher/launcher.js';
import { LogPrinter } from '../../apps/cli/src/launcher/log-lines.js';

const lora = { r: 16, lora_alpha: 32, target_modules: 'all-linear' };
const weights = [0.7, -0.2, 0.5];
const taskMain = processMain('task');

/** The configuration of the model in the box with the sizes of one of a billion parameters. */
const sizes = {
  hidden_size: 2048,
  intermediate_size: 8192,
  num_hidden_layers: 16,
  num_attention_heads: 32,
  num_key_value_heads: 32,
};

/** A model folder whose weights are a hole in the disk: they are hashed, and no number of them matters. */
async function writeHollowModel(folder: string): Promise<void> {
  const box = join(programRoot, 'models/prose-4m');
  await mkdir(folder, { recursive: true });
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    await copyFile(join(box, name), join(folder, name));
  const config = { ...(JSON.parse(await readFile(join(box, 'config.json'), 'utf8')) as object), ...sizes };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  let end = 0;
  const entries = [...buildModel(parseModelConfig(config)).parameters()].map(({ name, shape }) => {
    const begin = end;
    end += 2 * sizeOf(shape);
    return [name, { dtype: 'BF16', shape, data_offsets: [begin, end] }];
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  await using file = await open(join(folder, 'model.safetensors'), 'w');
  await file.writeFile(Buffer.concat([length, header]));
  await file.truncate(8 + header.length + end);
}

/** Imports a random adapter of rank 16 on all linear layers; yields its id. */
async function importAdapter(url: string, model: string, folder: string, seed: number): Promise<string> {
  const base = await openModelFolder(folder);
  const config = parseLoraConfig({ ...lora, base_model_name_or_path: model });
  const { modules } = resolveTargetModules(base.tree, config);
  const random = { uniform: (site: string, at: number) => uniformAt(streamKey(seed, 0, site), at) };
  const scratch = await mkdtemp(join(tmpdir(), 'imported-'));
  try {
    await writeAdapter(join(scratch, 'adapter'), {
      config,
      modules: await initialiseAdapter(modules, {
        init: false,
        random,
        ...startOn(base),
      }),
    });
    await create({ file: join(scratch, 'adapter.tar'), cwd: join(scratch, 'adapter') }, ['.']);
    const form = new FormData();
    form.set('model', model);
    form.set('file', new Blob([await readFile(join(scratch, 'adapter.tar'))]), 'adapter.tar');
    const response = await fetch(`${url}/v1/adapters`, { method: 'POST', body: form });
    const body = (await response.json()) as { id?: string };
    if (body.id === undefined) throw new Error(JSON.stringify(body));
    return body.id;
  } finally {
    await rm(scratch, { recursive: true });
  }
}

/** Bytes of a line of /proc/PID/status; 0 if the process has ended. */
function memoryOf(pid: number, line: 'VmHWM' | 'VmRSS'): number {
  try {
    const [, kilobytes] =
      new RegExp(`^${line}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return 1024 * Number(kilobytes ?? 0);
  } catch {
    return 0;
  }
}

function childOf(parent: number, main: string): number | undefined {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const text = (file: string) => {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      return '';
    }
  };
  const found = pids.find((pid) => {
    return (
      text(`/proc/${pid}/status`).includes(`\nPPid:\t${parent}\n`) &&
      text(`/proc/${pid}/cmdline`).includes(main)
    );
  });
  return found === undefined ? undefined : Number(found);
}

interface Watched<T> {
  readonly result: T;
  readonly seconds: number;
  /** Of the process that did the work. */
  readonly peak: number;
}

/** Does something and looks every 20 ms at the child of `parent` that works on it. */
async function watched<T>(parent: number, main: string, work: () => Promise<T>): Promise<Watched<T>> {
  const state = { isOver: false };
  const start = performance.now();
  const done = work().finally(() => (state.isOver = true));
  let pid: number | undefined;
  let peak = 0;
  while (!state.isOver) {
    pid ??= childOf(parent, main);
    if (pid !== undefined) peak = Math.max(peak, memoryOf(pid, 'VmHWM'));
    await sleep(20);
  }
  return { result: await done, seconds: (performance.now() - start) / 1000, peak };
}

/** What the process takes that has loaded its program and has nothing to do. */
async function idleTask(): Promise<number> {
  const child = fork(taskMain, ['/nowhere'], { execArgv: [], stdio: 'ignore' });
  const exited = once(child, 'exit').then(() => 'exit');
  let peak = 0;
  while ((await Promise.race([exited, sleep(2)])) !== 'exit')
    peak = Math.max(peak, memoryOf(child.pid!, 'VmHWM'));
  return peak;
}

const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;

async function measureComposition(stack: RunningStack, client: LowrankClient, home: string): Promise<void> {
  const folder = join(home, 'hollow');
  await writeHollowModel(folder);
  await client.models.add({ folder, name: 'hollow' });
  const members: { adapter: string; weight: number }[] = [];
  for (const [i, weight] of weights.entries()) {
    members.push({ adapter: await importAdapter(stack.url, 'hollow', folder, i), weight });
  }
  const { api, workers } = stack.pids();
  const preview = (body: object) => async () => {
    const response = await fetch(`${stack.url}/v1/compositions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ members, preview: true, ...body }),
    });
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  };
  const reads: number[] = [];
  const state = { isOver: false };
  const reading = (async () => {
    while (!state.isOver) {
      const before = performance.now();
      await client.exports.list().next();
      reads.push(performance.now() - before);
    }
  })();
  const first = await watched(api!, 'preview-main', preview({ rank: 16 }));
  state.isOver = true;
  await reading;
  console.log(`preview, measured: ${first.seconds.toFixed(1)} s, peak ${megabytes(first.peak)}`);
  const sorted = reads.toSorted((a, b) => a - b);
  console.log(
    `status reads meanwhile: ${reads.length}, p50 ${sorted[Math.floor(reads.length / 2)]!.toFixed(1)} ms, longest ${sorted.at(-1)!.toFixed(0)} ms`,
  );
  for (const [what, body] of [
    ['other rank', { rank: 8 }],
    ['other weights', { rank: 8, members: members.map((member, i) => ({ ...member, weight: i - 0.5 })) }],
  ] as const) {
    const { seconds } = await watched(api!, 'preview-main', preview(body));
    console.log(`preview, ${what}: ${(1000 * seconds).toFixed(0)} ms`);
  }
  const composed = await watched(workers[0]!, 'task-main', async () =>
    client.compositions.wait(await client.compositions.create({ members, rank: 16 })),
  );
  const adapter = await client.adapters.get(composed.result.adapter!);
  console.log(
    `3 adapters of rank 16 to rank 16 over HTTP: ${composed.seconds.toFixed(1)} s, peak ${megabytes(composed.peak)}, sha256 ${adapter.sha256}`,
  );
}

async function measureExport(
  stack: RunningStack,
  client: LowrankClient,
  model: string,
  dtype: ExportCreate['dtype'],
): Promise<void> {
  await client.models.add({ folder: model, name: 'exported' });
  const adapter = await importAdapter(stack.url, 'exported', model, 1);
  const worker = stack.pids().workers[0]!;
  const idle = await idleTask();
  const workerBefore = memoryOf(worker, 'VmRSS');
  const { result, seconds, peak } = await watched(worker, 'task-main', async () =>
    client.exports.wait(await client.exports.create({ adapter, dtype })),
  );
  console.log(
    `merged export of ${model} as ${dtype}: ${seconds.toFixed(1)} s, ${megabytes(result.bytes)}, ` +
      `peak ${megabytes(peak)}, ${megabytes(peak - idle)} above idle (${megabytes(idle)}); ` +
      `the worker went from ${megabytes(workerBefore)} to at most ${megabytes(memoryOf(worker, 'VmHWM'))}`,
  );
}

const { values } = parseArgs({ options: { model: { type: 'string' }, dtype: { type: 'string' } } });
const home = await mkdtemp(join(tmpdir(), 'composition-service-'));
const log = new LogPrinter({ json: false, colour: false, write: () => {} });
const stack = await startStack({ environment: { ...process.env, LOWRANK_HOME: home, PORT: '0' }, log });
try {
  const client = new LowrankClient({ url: stack.url });
  await measureComposition(stack, client, home);
  if (values.model) {
    await measureExport(
      stack,
      client,
      resolve(values.model),
      (values.dtype ?? 'f16') as ExportCreate['dtype'],
    );
  }
} finally {
  await stack.stop();
  await rm(home, { recursive: true, force: true });
}
