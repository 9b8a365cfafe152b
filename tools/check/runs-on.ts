/**
 * Holds the verdicts of where adapters run against what the programs do (docs/exports.md has the table):
 *
 *     node dist/tools/check/runs-on.js --python PYTHON [--fixtures test/fixtures] [--only KIND]
 *
 * Adapters of many options are made on small models. PEFT and transformers load each as it is, and must give our logits; so must the
 * export that a verdict names for the servers, and kohya's form read back; llama.cpp, from node-llama-cpp, must give our greedy
 * tokens with what is named for it. Servers that are not at hand are played by PEFT with a configuration of `r`, `lora_alpha` and
 * `use_rslora`. Ends with 1 where a verdict and what was done disagree. Needs Linux on x64, and torch, transformers and peft.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { classesOfAdapter } from '#adapters/adapter-classes.js';
import { Composition } from '#adapters/composition.js';
import type { ExportFormatName } from '#adapters/exports/declared.js';
import { kohyaFile } from '#adapters/exports/kohya.js';
import { exportFormats } from '#adapters/exports/registry.js';
import { flattenModules, unflattenModules } from '#adapters/flat-factors.js';
import { openAdapter, readAdapter } from '#adapters/read-adapter.js';
import { readKohya } from '#adapters/read-kohya.js';
import { type RunsOn, runsOn } from '#adapters/runs-on.js';
import { writeAdapter } from '#adapters/write-adapter.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import { parseLoraConfig } from '#lora/config.js';
import { openModelFolder } from '#models/model-folder.js';
import { trainedClasses } from '#models/with-classes.js';
import { SavedAdapter } from '#training/saved-adapter.js';
import { startingAdapter } from '#training/starting-adapter.js';
import { readJson, readTensors } from '../../test/golden/golden-case.js';
import { goldenTask } from '../../test/golden/lora-batches.js';
import { absoluteError, tolerances } from '../../test/tolerances.js';
import { answersHere, difference } from '../gguf/greedy-answers.js';
import { askLlamaCpp, installLlamaCpp } from '../gguf/llama-cpp.js';
import { smallModels, writeRandomAdapter, writeSmallModel } from '../gguf/small-models.js';
import { logitsOf } from './adapter-logits.js';
import { type MadeKind, madeKinds } from './runs-on-kinds.js';

const { values } = parseArgs({
  options: {
    python: { type: 'string' },
    fixtures: { type: 'string', default: 'test/fixtures' },
    only: { type: 'string' },
  },
});
const { python } = values;
if (!python) throw new Error('--python is needed');
const fixtures = resolve(values.fixtures);
const folder = mkdtempSync(join(tmpdir(), 'lowrank-runs-on-'));
const step = 4;
const tokens = 24;
const prompts = ['The sea was calm and', 'def add(a, b):'];

interface Kind {
  readonly name: string;
  readonly base: string;
  readonly adapter: string;
  readonly batches: string;
  readonly verdicts: readonly RunsOn[];
  readonly ours: ArrayLike<number>;
}

const put = (...parts: string[]) => join(folder, ...parts);

async function materialOf({ name, on, lora, isComposed }: MadeKind) {
  const { base, golden } = await baseOf(on);
  // The ids of its prompts are among the first of any vocabulary.
  const batches = join(golden ?? join(fixtures, 'lora/qv'), 'batches.safetensors');
  if (lora === undefined) return { base, adapter: join(golden!, 'final'), batches };
  const adapter = put('adapters', name.replaceAll(/\W+/g, '-'));
  mkdirSync(put('adapters'), { recursive: true });
  if (lora.init_lora_weights === 'pissa') await writeTrained(adapter, base, lora);
  else if (isComposed === true) {
    for (const seed of [1, 2]) await writeRandomAdapter(`${adapter}-${seed}`, base, lora, seed);
    const members = [0.7, -0.4].map(async (weight, i) => ({
      adapter: await openAdapter(`${adapter}-${i + 1}`),
      weight,
    }));
    await (await Composition.open(await Promise.all(members))).write(adapter, { kind: 'stacked' });
  } else await writeRandomAdapter(adapter, base, lora, 7);
  return { base, adapter, batches };
}

/** A small model, made where it is not there yet; or that of a golden training, whose folder is `golden`. */
async function baseOf(on: string): Promise<{ readonly base: string; readonly golden?: string }> {
  const at = smallModels.findIndex((model) => model.name === on);
  if (at < 0) {
    const golden = join(fixtures, 'lora', on);
    const { family } = readJson(golden, 'case.json') as { family: string };
    return { base: join(fixtures, 'families', family), golden };
  }
  const base = put('bases', on.replaceAll(/\W+/g, '-'));
  const isThere = await openModelFolder(base).then(
    () => true,
    () => false,
  );
  if (!isThere) await writeSmallModel(base, smallModels[at]!, at + 1);
  return { base };
}

/** An adapter as a training leaves it whose start was taken out of the base. */
async function writeTrained(adapter: string, baseFolder: string, lora: object): Promise<void> {
  const base = await openModelFolder(baseFolder);
  const { plan, parameters } = await startingAdapter(base, parseLoraConfig(lora), null, 7);
  const saved = new SavedAdapter(plan);
  const { frozen, parameters: start } = saved.start(await parameters());
  const trained = { frozen, parameters: start.map((value, i) => value + 0.2 * Math.sin(7 * i)) };
  const modules = unflattenModules(saved.modules, saved.pack(trained));
  await writeAdapter(adapter, { config: saved.config, modules });
}

async function kindOf(made: MadeKind): Promise<Kind> {
  const material = await materialOf(made);
  const base = await openModelFolder(material.base);
  const config = readJson(material.adapter, 'adapter_config.json') as Record<string, unknown>;
  const classes = (await classesOfAdapter(material.adapter, trainedClasses(base))) ?? null;
  const verdicts = runsOn({ config, classes, architecture: base.config.architecture });
  return { ...material, name: made.name, verdicts, ours: await logitsIn(material, material.adapter) };
}

async function logitsIn({ base, batches }: Pick<Kind, 'base' | 'batches'>, adapter: string) {
  const opened = await openModelFolder(base);
  const task = goldenTask(opened.tree, await readTensors(batches));
  const modules = [...(await readAdapter(adapter, { model: opened.tree })).modules.values()];
  const numbers = { parameters: flattenModules(modules), frozen: new Float32Array() };
  return logitsOf(opened, task, modules, numbers, step);
}

/** The folder of an export; or why it is refused. */
async function exported(
  { name, base, adapter }: Kind,
  format: ExportFormatName,
): Promise<{ output: string } | { refusal: string }> {
  const output = put('exports', `${name.replaceAll(/\W+/g, '-')}-${format}`);
  mkdirSync(put('exports'), { recursive: true });
  const { tree } = await openModelFolder(base);
  const member = { adapter: await openAdapter(adapter, { model: tree }), weight: 1 };
  try {
    await exportFormats[format].check({ baseFolder: base, member });
    await exportFormats[format].write({ baseFolder: base, member, output, dtype: 'f32' });
    return { output };
  } catch (error) {
    return { refusal: (error as Error).message };
  }
}

/** Within rounding of the largest logit. */
function isEqual(found: ArrayLike<number>, ours: ArrayLike<number>): boolean {
  const largest = Math.max(1, ...Array.from(ours, Math.abs));
  return absoluteError(found, ours) <= tolerances.logits * largest;
}

/** The first export that llama.cpp answers with as we do. */
async function inLlamaCpp(kind: Kind): Promise<ExportFormatName | null> {
  for (const format of ['gguf', 'merged-gguf'] as const) {
    const made = await exported(kind, format);
    if ('refusal' in made) continue;
    const tokenizer = await loadTokenizer(kind.base);
    const ids = prompts.map((text) => tokenizer.encodePrompt(text));
    const model = format === 'gguf' ? await plainModel(kind) : join(made.output, 'model-f32.gguf');
    const beside = format === 'gguf' ? { adapter: join(made.output, 'adapter-f32.gguf') } : {};
    const answer = askLlamaCpp({ model, ...beside, prompts: ids, tokens });
    const ours = await answersHere(kind.base, kind.adapter, ids, tokens);
    const problem = answer.error ?? difference(ours, answer.answers);
    if (problem === undefined) return format;
    console.log(`  ${kind.name}, ${format}: ${problem}`);
  }
  return null;
}

/** The base as llama.cpp reads it: merged with an adapter that changes nothing. */
async function plainModel(kind: Kind): Promise<string> {
  const adapter = put('idle', kind.name.replaceAll(/\W+/g, '-'));
  mkdirSync(put('idle'), { recursive: true });
  const idle = { r: 1, lora_alpha: 1e-30, target_modules: ['o_proj'] };
  await writeRandomAdapter(adapter, kind.base, idle, 0);
  const made = await exported({ ...kind, name: `idle ${kind.name}`, adapter }, 'merged-gguf');
  if ('refusal' in made) throw new Error(made.refusal);
  return join(made.output, 'model-f32.gguf');
}

/** Whether the adapter comes back from kohya's form with the same logits; undefined where the form refuses it. */
async function throughKohya(kind: Kind): Promise<boolean | undefined> {
  const made = await exported(kind, 'kohya');
  if ('refusal' in made) return undefined;
  const back = `${made.output}-back`;
  await writeAdapter(
    back,
    await readKohya(join(made.output, kohyaFile), await openModelFolder(kind.base), back),
  );
  return isEqual(await logitsIn(kind, back), kind.ours);
}

installLlamaCpp();
const kinds: Kind[] = [];
for (const made of madeKinds) {
  if (values.only === undefined || values.only === made.name) kinds.push(await kindOf(made));
}
const jobs: object[] = [];
for (const kind of kinds) {
  const { name, base, adapter, batches } = kind;
  const made = { portable: await exported(kind, 'portable'), merged: await exported(kind, 'merged') };
  const folders = Object.entries(made).flatMap(([format, one]) =>
    'output' in one ? [[format, one.output]] : [],
  );
  jobs.push({ kind: name, base, adapter, batches, batch: `${step}.0`, ...Object.fromEntries(folders) });
}
writeFileSync(put('jobs.json'), JSON.stringify(jobs));
const script = join(import.meta.dirname, '../../../tools/check/runs_on_in_peft.py');
const { status } = spawnSync(python, [script, folder], { stdio: ['ignore', 'inherit', 'inherit'] });
if (status !== 0) throw new Error(`${python} ${script} ${folder} ended with ${status}`);
const theirs = await readTensors(put('logits.safetensors'));
const errors = readJson(folder, 'errors.json') as Readonly<Record<string, string>>;

/** Whether a side computes what we do. */
async function agrees(side: string, { name, base, batches, ours }: Kind): Promise<boolean> {
  const found = theirs.get(`${side}/${name}`);
  if (found === undefined) return false;
  const { tree } = await openModelFolder(base);
  const { counted } = goldenTask(tree, await readTensors(batches)).batch(step, 0);
  return isEqual(counted(found.values), ours);
}

const verdictOf = ({ verdicts }: Kind, program: string) => verdicts.find((one) => one.program === program)!;
const said = ({ runs, export: format }: RunsOn) => (runs ? 'yes' : (format ?? 'no'));
const heading = [
  'adapter',
  'PEFT',
  'transformers',
  'vLLM and other servers',
  'llama.cpp',
  "kohya's form and back",
];
const rows: string[][] = [];
let disagreements = 0;

function cell(name: string, column: string, verdict: string, real: string, isAgreed: boolean): string {
  if (isAgreed) return verdict === real ? real : `${verdict} (also ${real})`;
  disagreements += 1;
  const why = Object.entries(errors).filter(([key]) => key.endsWith(`/${name}`));
  console.log(`  ${name}, ${column}: the verdict is ${verdict}, and really it is ${real}`);
  for (const [key, message] of why) console.log(`    ${key}: ${message.slice(0, 300)}`);
  return `${verdict}, really ${real}`;
}

for (const kind of kinds) {
  const row = [kind.name];
  for (const [side, program] of [
    ['peft', 'PEFT'],
    ['transformers', 'transformers'],
  ] as const) {
    const verdict = said(verdictOf(kind, program));
    const real = (await agrees(side, kind)) ? 'yes' : (await agrees('merged', kind)) ? 'merged' : 'no';
    row.push(cell(kind.name, program, verdict, real, verdict === real));
  }
  const server = said(verdictOf(kind, 'vLLM'));
  const works = { yes: 'plain', portable: 'portable', merged: 'merged' } as const;
  const possible: string[] = [];
  for (const [what, side] of Object.entries(works)) if (await agrees(side, kind)) possible.push(what);
  const best = possible[0] ?? 'no';
  // Models of images, heads and biases beside layers without any are refused for what servers are, not for what they compute.
  const isServed = server === 'no' || possible.includes(server);
  const isBest = ['no', 'merged'].includes(server) || best === server;
  row.push(
    cell(kind.name, 'servers', server, server === 'no' ? 'no' : isBest ? server : best, isServed && isBest),
  );
  const [verdict, real] = [said(verdictOf(kind, 'llama.cpp, Ollama')), (await inLlamaCpp(kind)) ?? 'no'];
  row.push(cell(kind.name, 'llama.cpp', verdict, real, verdict === real || verdict === 'no'));
  const kohya = await throughKohya(kind);
  row.push(
    kohya === undefined
      ? 'refused'
      : cell(kind.name, 'kohya', 'same logits', kohya ? 'same logits' : 'other', kohya),
  );
  rows.push(row);
}
rmSync(folder, { recursive: true });
for (const row of [heading, heading.map(() => '-'), ...rows]) console.log(`| ${row.join(' | ')} |`);
console.log(`${kinds.length} adapters, ${disagreements} disagreements`);
process.exitCode = disagreements === 0 ? 0 : 1;
