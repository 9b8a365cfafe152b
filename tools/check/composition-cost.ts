/**
 * What composing costs: three adapters of rank 16 on the shapes of a model of a billion parameters, composed to rank 16
 * in two processes, then answers with other weights each, up to where the next forward pass would begin. With --model, the cost of its merged export too.
 *
 *     node dist/tools/check/composition-cost.js [--model FOLDER] [--dtype f16] [--folder SCRATCH]
 */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Composition } from '#adapters/composition.js';
import type { CompositionForm } from '#adapters/composition-recipe.js';
import { exportMerged } from '#adapters/export-merged.js';
import { initialiseAdapter } from '#adapters/initialise.js';
import { LiveComposition } from '#adapters/live-composition.js';
import { openAdapter } from '#adapters/read-adapter.js';
import { writeAdapter } from '#adapters/write-adapter.js';
import { AdapterFeed } from '#generation/adapter-feed.js';
import { BucketModel } from '#generation/bucket-model.js';
import { streamKey, uniformAt } from '#jit/random.js';
import { parseLoraConfig } from '#lora/config.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import type { TargetModule } from '#lora/target-module.js';
import type { ExportDtype } from '#models/write-model-folder.js';
import { openModelFolder } from '#models/model-folder.js';
import { targetModule } from '#lora/variants/registry.js';
import type { Runner } from '#runtime/runner.js';

const lora = parseLoraConfig({ r: 16, lora_alpha: 32, target_modules: 'all-linear' });
const weights = [0.7, -0.2, 0.5];

/** 16 layers of 7 linear maps, 2048 wide, 8192 between. */
function billionModules(): TargetModule[] {
  const sizes = { q: [2048, 2048], k: [2048, 2048], v: [2048, 2048], o: [2048, 2048] } as const;
  const mlp = { gate: [2048, 8192], up: [2048, 8192], down: [8192, 2048] } as const;
  return Array.from({ length: 16 }, (_, layer) => layer).flatMap((layer) =>
    [
      ...Object.entries(sizes).map(([name, size]) => [`self_attn.${name}`, size] as const),
      ...Object.entries(mlp).map(([name, size]) => [`mlp.${name}`, size] as const),
    ].map(([name, [inFeatures, outFeatures]]) =>
      targetModule(
        `model.layers.${layer}.${name}_proj`,
        { kind: 'linear', inFeatures, outFeatures },
        { r: 16, loraAlpha: 32, scale: 2 },
      ),
    ),
  );
}

const noWeights = (name: string) => Promise.reject(new Error(`plain LoRA reads no weight, not ${name}`));
const noNorms = () => Promise.reject(new Error('plain LoRA reads no norms'));

async function writeMembers(
  folder: string,
  modules: readonly TargetModule[],
  count: number,
): Promise<string[]> {
  const members = Array.from({ length: count }, (_, i) => join(folder, `member-${i}`));
  for (const [i, member] of members.entries()) {
    const random = { uniform: (site: string, at: number) => uniformAt(streamKey(i, 0, site), at) };
    const start = { init: false, random, readWeight: noWeights, norms: noNorms };
    await writeAdapter(member, { config: lora, modules: await initialiseAdapter(modules, start) });
  }
  return members;
}

interface Task {
  readonly members: readonly string[];
  readonly out: string;
  readonly form?: CompositionForm;
  readonly model?: string;
  readonly dtype?: ExportDtype;
}
interface Cost {
  readonly seconds: number;
  /** Of all threads; less than the seconds on a machine that does other things too. */
  readonly cpuSeconds: number;
  readonly peakMegabytes: number;
  readonly idleMegabytes: number;
  /** For each change of all weights. */
  readonly milliseconds?: readonly number[];
}

const times = ({ seconds, cpuSeconds }: Cost) =>
  `${seconds.toFixed(1)} s (${cpuSeconds.toFixed(1)} s of processor)`;
const megabytes = (bytes: number) => Math.round(bytes / 1e6);

/** Milliseconds from the call of a model with other weights to the moment at which its forward pass would begin. */
async function changeWeights(live: LiveComposition): Promise<number[]> {
  let began = 0;
  const unused = () => {
    throw new Error('a change of weights needs no state');
  };
  const runner: Runner = {
    prepare: () => Promise.resolve(),
    run: () => {
      began = performance.now();
      return Promise.resolve({ logits: new Float32Array(1) });
    },
    readState: unused,
    writeState: unused,
    close: () => Promise.resolve(),
  };
  const model = new BucketModel(1024, 1, [], runner, new AdapterFeed(live.modules, 'diagonal'), false);
  const times: number[] = [];
  for (let i = 0; i < 10; i++) {
    const start = performance.now();
    await model.open(live.withWeights([i, 2 * i, i % 2 ? 1 : 3 * i])).extend([0]);
    times.push(began - start);
  }
  return times;
}

/** Does one task in this process and tells the parent what it cost. */
async function carryOut({ members, out, form, model, dtype }: Task): Promise<Cost> {
  const listed = await Promise.all(
    members.map(async (member, i) => ({ adapter: await openAdapter(member), weight: weights[i] ?? 1 })),
  );
  const idleMegabytes = megabytes(process.memoryUsage().rss);
  const start = performance.now();
  const cpu = process.cpuUsage();
  let milliseconds: number[] | undefined;
  if (model) await exportMerged(model, listed, out, { dtype: dtype ?? 'f16' });
  else if (form) await (await Composition.open(listed)).write(out, form);
  else {
    const live = await LiveComposition.open(listed);
    milliseconds = await changeWeights(live);
  }
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const peakMegabytes = megabytes(process.resourceUsage().maxRSS * 1024);
  return { seconds, cpuSeconds: (user + system) / 1e6, peakMegabytes, idleMegabytes, milliseconds };
}

async function inChild(task: Task): Promise<Cost> {
  const child = fork(fileURLToPath(import.meta.url), ['--child'], { stdio: 'inherit' });
  child.send(task);
  const [cost] = (await once(child, 'message')) as [Cost];
  child.disconnect();
  await once(child, 'exit');
  return cost;
}

async function digestOf(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for (const name of (await readdir(folder)).sort())
    hash.update(name).update(await readFile(join(folder, name)));
  return hash.digest('hex');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { model: { type: 'string' }, dtype: { type: 'string' }, folder: { type: 'string' } },
  });
  const scratch = await mkdtemp(join(values.folder ?? tmpdir(), 'composition-cost-'));
  try {
    const members = await writeMembers(scratch, billionModules(), 3);
    const digests: string[] = [];
    for (const name of ['one', 'two']) {
      const out = join(scratch, name);
      const cost = await inChild({ members, out, form: { kind: 'rank', rank: 16 } });
      digests.push(await digestOf(out));
      console.log(
        `3 adapters of rank 16 to rank 16: ${times(cost)}, peak ${cost.peakMegabytes} MB, sha256 ${digests.at(-1)}`,
      );
    }
    console.log(digests[0] === digests[1] ? 'two processes: equal bytes' : 'two processes: DIFFERENT BYTES');
    const stacked = await inChild({ members, out: join(scratch, 'stacked'), form: { kind: 'stacked' } });
    console.log(`stacked: ${times(stacked)}, peak ${stacked.peakMegabytes} MB`);
    const live = await inChild({ members, out: '' });
    console.log(
      `all three weights changed live: ${live.milliseconds!.map((time) => time.toFixed(2)).join(', ')} ms, peak ${live.peakMegabytes} MB`,
    );
    if (!values.model) return;
    const base = await openModelFolder(values.model);
    const { modules } = resolveTargetModules(base.tree, lora);
    const [member] = await writeMembers(join(scratch, 'model'), modules, 1);
    const dtype = (values.dtype ?? 'f16') as ExportDtype;
    const cost = await inChild({
      members: [member!],
      out: join(scratch, 'merged'),
      model: values.model,
      dtype,
    });
    console.log(
      `merged export of ${values.model} as ${dtype}: ${times(cost)}, peak ${cost.peakMegabytes} MB, before it ${cost.idleMegabytes} MB`,
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

if (process.argv.includes('--child')) {
  process.once('message', (task: Task) => void carryOut(task).then((cost) => process.send!(cost)));
} else {
  await main();
}
