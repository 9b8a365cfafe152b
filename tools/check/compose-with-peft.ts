/**
 * Composes adapters here and in PEFT and prints one table: how far each way is from the exact sum.
 *
 *     node dist/tools/check/compose-with-peft.js --base FOLDER --python PYTHON
 *
 * Our results are measured as PEFT loads them from their files, and PEFT's logits with them are compared with ours. Fails
 * if an error is not what it should be. `--base` is a small float32 model, for instance SmolLM2-135M.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { Composition } from '#adapters/composition.js';
import type { CompositionForm } from '#adapters/composition-recipe.js';
import { flatAdapter } from '#adapters/flat-factors.js';
import { initialiseAdapter } from '#adapters/initialise.js';
import { openAdapter, readAdapter } from '#adapters/read-adapter.js';
import { writeAdapter } from '#adapters/write-adapter.js';
import { BucketModel } from '#generation/bucket-model.js';
import { streamKey, uniformAt } from '#jit/random.js';
import { type LoraConfigInput, parseLoraConfig } from '#lora/config.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import { startOn } from '#adapters/base-layers.js';
import { type ModelFolder, openModelFolder } from '#models/model-folder.js';

interface Case {
  readonly name: string;
  readonly members: readonly LoraConfigInput[];
  readonly weights: readonly number[];
  readonly rank: number;
}

const some = { target_modules: ['q_proj', 'v_proj', 'down_proj'], layers_to_transform: [0, 1, 2, 3] };
const weights = [0.7, -0.2, 0.5];
const three = (configs: readonly LoraConfigInput[]) => configs.map((config) => ({ ...some, ...config }));
const cases: readonly Case[] = [
  {
    name: 'alpha = r, equal ranks',
    members: three([8, 8, 8].map((r) => ({ r, lora_alpha: r }))),
    weights,
    rank: 8,
  },
  {
    name: 'alpha != r',
    members: three([16, 4, 32].map((lora_alpha) => ({ r: 8, lora_alpha }))),
    weights,
    rank: 8,
  },
  {
    name: 'unequal ranks',
    members: three([4, 8, 16].map((r) => ({ r, lora_alpha: r }))),
    weights,
    rank: 8,
  },
  {
    name: 'unequal ranks, alpha != r',
    members: three([
      { r: 4, lora_alpha: 8 },
      { r: 8, lora_alpha: 32 },
      { r: 16, lora_alpha: 8 },
    ]),
    weights,
    rank: 8,
  },
  {
    name: 'rsLoRA',
    members: three([8, 8, 8].map((r) => ({ r, lora_alpha: 16, use_rslora: true }))),
    weights,
    rank: 8,
  },
  {
    name: 'rsLoRA beside others, patterns, other targets',
    members: three([
      { r: 4, lora_alpha: 16, rank_pattern: { v_proj: 6 }, alpha_pattern: { q_proj: 2 } },
      { r: 8, lora_alpha: 8, use_rslora: true, target_modules: ['q_proj', 'down_proj'] },
      { r: 2, lora_alpha: 6, layers_to_transform: [1] },
    ]),
    weights,
    rank: 4,
  },
];
const prompts = [
  [1, 504, 253, 3, 17, 90],
  [28, 311, 5, 1000],
];
const forms: Readonly<Record<'stacked' | 'rank', (rank: number) => CompositionForm>> = {
  stacked: () => ({ kind: 'stacked' }),
  rank: (rank) => ({ kind: 'rank', rank }),
};
const formNames = ['stacked', 'rank'] as const;

const outcome = z.union([z.number(), z.string()]);
const peftResults = z.array(
  z.object({
    name: z.string(),
    least: z.number(),
    linear: outcome,
    cat: outcome,
    svd: outcome,
    our_stacked: z.number(),
    our_rank: z.number(),
    warnings: z.array(z.string()),
    logits: z.record(z.enum(formNames), z.array(z.array(z.number()))),
  }),
);

async function writeMembers(base: ModelFolder, folder: string, { members }: Case): Promise<string[]> {
  const folders = members.map((_, i) => join(folder, `member-${i}`));
  for (const [i, member] of members.entries()) {
    const { modules, config } = resolveTargetModules(base.tree, parseLoraConfig(member));
    const random = { uniform: (site: string, at: number) => uniformAt(streamKey(i, 0, site), at) };
    const started = await initialiseAdapter(modules, { init: false, random, ...startOn(base) });
    // A tenth of B: as large as an update that was trained, so that the logits stay in their range.
    const small = started.map(({ numbers, ...module }) => ({
      ...module,
      numbers: { ...numbers, B: numbers['B']!.map((value) => value / 10) },
    }));
    await writeAdapter(folders[i]!, { config, modules: small });
  }
  return folders;
}

async function logitsWith(base: ModelFolder, adapterFolder: string): Promise<Float32Array[]> {
  const adapter = flatAdapter(await readAdapter(adapterFolder, { model: base.tree }));
  const model = BucketModel.create({
    model: base,
    modules: adapter.modules,
    runner: { kind: 'compiled', device: 'cpu', threads: 2, spin: false, cacheFolder: undefined },
    maxLength: 16,
  });
  const logits: Float32Array[] = [];
  for (const prompt of prompts) logits.push(await model.open(adapter).extend(prompt));
  await model.close();
  return logits;
}

const { values } = parseArgs({ options: { base: { type: 'string' }, python: { type: 'string' } } });
if (!values.base || !values.python) throw new Error('--base and --python are needed');
const base = await openModelFolder(resolve(values.base));
const folder = mkdtempSync(join(tmpdir(), 'compose-with-peft-'));
try {
  const jobs = [];
  const ours: Record<string, Float32Array[]>[] = [];
  for (const [i, one] of cases.entries()) {
    const own = join(folder, String(i));
    const members = await writeMembers(base, own, one);
    const listed = members.map(async (member, m) => ({
      adapter: await openAdapter(member),
      weight: one.weights[m]!,
    }));
    const composition = await Composition.open(await Promise.all(listed));
    const folders: Record<string, string> = {};
    const logits: Record<string, Float32Array[]> = {};
    for (const form of formNames) {
      folders[form] = join(own, form);
      await composition.write(folders[form], forms[form](one.rank));
      logits[form] = await logitsWith(base, folders[form]);
    }
    ours.push(logits);
    jobs.push({ name: one.name, weights: one.weights, rank: one.rank, members, ours: folders });
  }
  writeFileSync(join(folder, 'job.json'), JSON.stringify({ base: base.folder, prompts, cases: jobs }));
  const script = join(import.meta.dirname, '../../../tools/check/compose-with-peft.py');
  const { status } = spawnSync(values.python, [script, folder], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`${values.python} ${script} ${folder} ended with ${status}`);
  const theirs = peftResults.parse(JSON.parse(readFileSync(join(folder, 'peft.json'), 'utf8')));
  process.exitCode = printTable(theirs, ours) ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true });
}

function shown(error: number | string): string {
  if (typeof error === 'string') return 'refused';
  return error < 1e-5 ? error.toExponential(0) : error.toFixed(4);
}

/** Prints the table; whether everything of ours is as it should be. */
function printTable(
  theirs: z.infer<typeof peftResults>,
  ours: readonly Record<string, Float32Array[]>[],
): boolean {
  console.log(
    '| members | PEFT linear | PEFT cat | here, stacked | rank | PEFT svd | here, to the rank | least possible | logits, PEFT against here |',
  );
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  let isGood = true;
  for (const [i, result] of theirs.entries()) {
    let worst = 0;
    for (const form of formNames) {
      for (const [p, row] of result.logits[form].entries()) {
        for (const [t, logit] of row.entries())
          worst = Math.max(worst, Math.abs(logit - ours[i]![form]![p]![t]!));
      }
    }
    const { name, least, linear, cat, svd, our_stacked: stacked, our_rank: rank, warnings } = result;
    console.log(
      `| ${[name, shown(linear), shown(cat), shown(stacked), cases[i]!.rank, shown(svd), shown(rank), shown(least), worst.toExponential(0)].join(' | ')} |`,
    );
    for (const warning of warnings) console.log(`warning of PEFT: ${warning}`);
    isGood &&= stacked < 1e-6 && Math.abs(rank - least) < 1e-6 && worst < 1e-4 && warnings.length === 0;
  }
  return isGood;
}
