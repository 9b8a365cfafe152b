/**
 * Trains the same adapter on the same preferences in this engine and by TRL's DPOTrainer and compares every step.
 *
 *     node dist/tools/check/compare-with-trl.js --model FOLDER --data pairs.jsonl --python PYTHON [--steps 20]
 *
 * The pairs are texts: {"prompt", "chosen", "rejected"}. The adapter that both start from is no identity; first the base is the
 * reference, then that adapter.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { flattenModules, unflattenModules } from '#adapters/flat-factors.js';
import { initialiseAdapter } from '#adapters/initialise.js';
import { startOn } from '#adapters/base-layers.js';
import { writeAdapter } from '#adapters/write-adapter.js';
import { loadChatTemplate } from '#data/chat-template.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import { prepareDataset } from '#data/prepare.js';
import { normalAt, streamKey, uniformAt } from '#jit/random.js';
import { parseLoraConfig } from '#lora/config.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import { openModelFolder } from '#models/model-folder.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { adamWScalars } from '#training/adamw.js';
import { readingOf } from '#training/objectives/declared/registry.js';
import { dpo } from '#training/objectives/dpo.js';
import { createStepPrograms } from '#training/step-programs.js';
import { comparisonOf, optimizer } from './peer-comparison.js';

const { model, data, python, steps } = comparisonOf(process.argv.slice(2));
const [batchSize, beta] = [2, 0.1];

interface Step {
  readonly loss: number;
  readonly norm: number;
  readonly margin: number;
  readonly accuracy: number;
  readonly chosen: number;
  readonly rejected: number;
}

const folder = mkdtempSync(join(tmpdir(), 'lowrank-trl-'));
const base = await openModelFolder(model, { tokenizer: 'required' });
const tokenizer = await loadTokenizer(base.folder);
const template = await loadChatTemplate(base.folder, tokenizer);
const lines = readFileSync(data, 'utf8')
  .trim()
  .split('\n')
  .slice(0, steps * batchSize);
if (lines.length < steps * batchSize) throw new Error(`${steps} steps need ${steps * batchSize} pairs`);
const rows = join(folder, 'rows.jsonl');
writeFileSync(rows, `${lines.join('\n')}\n`);
const { modules, config } = resolveTargetModules(
  base.tree,
  parseLoraConfig({ r: 8, lora_alpha: 16, target_modules: ['q_proj', 'v_proj'], task_type: 'CAUSAL_LM' }),
);
const factors = await initialiseAdapter(modules, {
  init: true,
  random: { uniform: (site, index) => uniformAt(streamKey(1, 0, site), index) },
  ...startOn(base),
});
const start = flattenModules(factors);
const key = streamKey(2, 0, 'start');
start.forEach((value, i) => (start[i] = value === 0 ? 0.01 * normalAt(key, i) : value));
await writeAdapter(join(folder, 'init'), { config, modules: unflattenModules(modules, start) });

const method = { type: 'dpo', beta } as const;
const store = await prepareDataset({
  file: rows,
  tokenizer,
  template,
  reading: readingOf(method),
  blockLength: 512,
  packing: false,
  cacheFolder: folder,
});

/** What our own steps give. */
async function trainHere(reference: 'start' | 'base'): Promise<Step[]> {
  const objective = dpo({ ...method, reference });
  const shape = { batch: batchSize, length: store.blockLength, chunkSize: 64 };
  const refersToAdapter = reference === 'start';
  const source = { base, modules, dropout: 0, objective, shape, optimizer, refersToAdapter };
  const programs = createStepPrograms(source);
  const zeros = () => new Float32Array(start.length);
  const runner = new CompiledRunner(
    Object.fromEntries(
      Object.entries(programs).map(([name, { program, spec }]) => {
        const options = { device: 'cpu', recomputedSegments: 0 } as const;
        return [name, { key: name, compile: () => compileProgram(program, spec, options) }];
      }),
    ),
    { parameters: start, moment1: zeros(), moment2: zeros() },
    { device: 'cpu', threads: 2, spin: false, cacheFolder: undefined },
  );
  const batches = Array.from({ length: steps }, (_, step) =>
    Array.from({ length: batchSize }, (_, i) => batchSize * step + i),
  );
  const known = new Map<number, Float32Array>();
  for (const batch of batches) {
    const asked = objective.reference!.inputs(store, batch, shape);
    const { values } = await runner.run('reference', { data: asked });
    for (const [order, index] of batch.entries())
      known.set(index, objective.reference!.valuesOf(values as Float32Array, order, shape));
  }
  const blocks = {
    blockCount: store.blockCount,
    blockLength: store.blockLength,
    readBlock: (index: number) => store.readBlock(index),
    referenceOf: (index: number) => known.get(index)!,
  };
  const taken: Step[] = [];
  for (const [i, indices] of batches.entries()) {
    const batch = objective.readBatch(blocks, indices, shape);
    const scalars = { ...adamWScalars(optimizer, optimizer.learningRate, i + 1) };
    const out = await runner.run('train', { data: batch.inputs(batch.count), scalars });
    const of = (name: string) => out[name]![0]!;
    taken.push({
      loss: of('loss'),
      norm: of('gradNorm'),
      margin: of('margin'),
      accuracy: of('accuracy'),
      chosen: of('logps_chosen'),
      rejected: of('logps_rejected'),
    });
  }
  await runner.close();
  return taken;
}

/** What those of TRL give. */
function trainThere(reference: 'start' | 'base'): Step[] {
  mkdirSync(join(folder, 'trl'), { recursive: true });
  writeFileSync(
    join(folder, 'job.json'),
    JSON.stringify({ model: base.folder, optimizer, batchSize, steps, beta, reference }),
  );
  const script = join(import.meta.dirname, '../../../tools/check/train_in_trl.py');
  const { status } = spawnSync(python, [script, folder], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`${python} ${script} ${folder} ended with ${status}`);
  return JSON.parse(readFileSync(join(folder, 'trl.json'), 'utf8')) as Step[];
}

let isEqual = true;
for (const reference of ['base', 'start'] as const) {
  const [ours, theirs] = [await trainHere(reference), trainThere(reference)];
  const worst = { loss: 0, norm: 0, margin: 0, accuracy: 0, chosen: 0, rejected: 0 };
  for (const [i, step] of ours.entries()) {
    const other = theirs[i]!;
    for (const name of Object.keys(worst) as (keyof Step)[])
      worst[name] = Math.max(worst[name], Math.abs(step[name] - other[name]));
    console.log(
      `${reference}, step ${i + 1}: loss ${step.loss.toFixed(6)} (TRL ${other.loss.toFixed(6)}), ` +
        `margin ${step.margin.toFixed(5)} (${other.margin.toFixed(5)}), norm ${step.norm.toFixed(5)} (${other.norm.toFixed(5)})`,
    );
  }
  const texts = Object.entries(worst).map(([name, difference]) => `${name} ${difference.toExponential(1)}`);
  console.log(`reference ${reference}, largest differences: ${texts.join(', ')}`);
  isEqual &&= worst.loss <= 1e-4 && theirs.length === ours.length;
}
store.close();
process.exitCode = isEqual ? 0 : 1;
