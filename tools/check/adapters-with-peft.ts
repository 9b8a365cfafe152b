/**
 * Takes adapters of every kind to PEFT and back:
 *
 *     node dist/tools/check/adapters-with-peft.js --python PYTHON [--fixtures test/fixtures] [--only KIND]
 *
 * An adapter of each kind is started, trained for a few steps and saved here, and must give PEFT the logits that the run
 * itself computes, without a warning that its own adapters do not raise; one that PEFT started and saved must give its logits here. Prints the largest
 * difference of each kind in both directions, and ends with 1 where one is over the tolerance of golden logits.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { classifierConfig } from '#adapters/adapter-classes.js';
import { startOn } from '#adapters/base-layers.js';
import { flattenModules, unflattenModules } from '#adapters/flat-factors.js';
import { readAdapter } from '#adapters/read-adapter.js';
import { writeAdapter } from '#adapters/write-adapter.js';
import { parseLoraConfig } from '#lora/config.js';
import { createLoraModel } from '#lora/lora-model.js';
import type { TargetModule } from '#lora/target-module.js';
import { frozenWeights } from '#models/frozen-weights.js';
import { type ModelFolder, openModelFolder } from '#models/model-folder.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { adamWScalars } from '#training/adamw.js';
import { type RunNumbers, SavedAdapter } from '#training/saved-adapter.js';
import { startingAdapter } from '#training/starting-adapter.js';
import { stepPrograms } from '#training/step-programs.js';
import { readJson, readTensors } from '../../test/golden/golden-case.js';
import { type GoldenTask, goldenTask } from '../../test/golden/lora-batches.js';
import { hasGatedDelta } from '../../test/gated-delta.js';
import { absoluteError, gatedDeltaTolerances, tolerances } from '../../test/tolerances.js';
import { logitsOf, runnerOptions } from './adapter-logits.js';
import { optimizer } from './peer-comparison.js';
import { type AdapterKind, adapterKinds } from './peft-adapter-kinds.js';

const steps = 5;
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
const folder = mkdtempSync(join(tmpdir(), 'lowrank-adapters-'));
/** The numbers of an adapter after a few steps from its start. */
async function train(
  base: ModelFolder,
  task: GoldenTask,
  modules: readonly TargetModule[],
  { parameters, frozen }: RunNumbers,
): Promise<RunNumbers> {
  const { objective, shape } = task;
  const model = createLoraModel(base.config, modules, 0);
  const { train } = stepPrograms({ model, objective, shape }, frozenWeights(base.parameters), optimizer);
  const compile = () => compileProgram(train.program, train.spec, { device: 'cpu', recomputedSegments: 0 });
  const zeros = () => new Float32Array(parameters.length);
  const runner = new CompiledRunner(
    { train: { key: 'train', compile } },
    { parameters, moment1: zeros(), moment2: zeros() },
    runnerOptions,
  );
  for (let step = 0; step < steps; step++) {
    const { count, inputs } = task.batch(step, 0);
    const scalars = { ...adamWScalars(optimizer, 10 * optimizer.learningRate, step + 1) };
    await runner.run('train', { data: { ...inputs(count), frozen }, scalars });
  }
  const trained = runner.readState('parameters');
  await runner.close();
  return { parameters: trained, frozen };
}

/** Trains an adapter of a kind, saves it and says what it computes. */
async function trainedLogits(kind: AdapterKind): Promise<ArrayLike<number>> {
  const base = await openModelFolder(kind.base);
  const task = goldenTask(base.tree, await readTensors(kind.batches));
  const lora = kind.start === null ? parseLoraConfig(kind.lora) : null;
  const { plan, parameters } = await startingAdapter(base, lora, kind.start, 7);
  const saved = new SavedAdapter(plan);
  const trained = await train(base, task, saved.trained, saved.start(await parameters()));
  await writeAdapter(join(folder, 'ours', kind.name), {
    config: saved.config,
    classifier: await classifierConfig(base),
    modules: unflattenModules(saved.modules, saved.pack(trained)),
  });
  return logitsOf(base, task, saved.trained, trained, steps - 1);
}

/** What an adapter that PEFT saved computes here. */
async function readLogits(kind: AdapterKind): Promise<ArrayLike<number>> {
  const base = await openModelFolder(kind.base);
  const task = goldenTask(base.tree, await readTensors(kind.batches));
  const weights = startOn(base);
  const adapter = await readAdapter(join(folder, 'peft', kind.name), { model: base.tree, weights });
  const modules = [...adapter.modules.values()];
  const numbers = { parameters: flattenModules(modules), frozen: new Float32Array() };
  return logitsOf(base, task, modules, numbers, steps - 1);
}

const kinds = adapterKinds(fixtures).filter(({ name }) => values.only === undefined || name === values.only);
const ours = new Map<string, ArrayLike<number>>();
mkdirSync(join(folder, 'ours'));
for (const kind of kinds) ours.set(kind.name, await trainedLogits(kind));
const jobs = kinds.map(({ name, base, lora, batches }) => ({
  kind: name,
  base,
  lora,
  batches,
  batch: `${steps - 1}.0`,
}));
writeFileSync(join(folder, 'jobs.json'), JSON.stringify(jobs));
const script = join(import.meta.dirname, '../../../tools/check/adapters_in_peft.py');
const { status } = spawnSync(python, [script, folder], { stdio: ['ignore', 'inherit', 'inherit'] });
if (status !== 0) throw new Error(`${python} ${script} ${folder} ended with ${status}`);
const theirs = await readTensors(join(folder, 'logits.safetensors'));
type Reports = Readonly<Record<string, { warnings: string[]; change: number }>>;
const reports = readJson(folder, 'reports.json') as Reports;

let worst = 0;
let failures = 0;
for (const kind of kinds) {
  const { warnings, change } = reports[kind.name]!;
  const base = await openModelFolder(kind.base);
  const { counted } = goldenTask(base.tree, await readTensors(kind.batches)).batch(steps - 1, 0);
  const bound = hasGatedDelta(base.tree) ? gatedDeltaTolerances.loss : tolerances.logits;
  const judge = (difference: number) => {
    worst = Math.max(worst, difference);
    if (!(difference <= bound)) failures += 1;
  };
  const of = (side: string) => counted(theirs.get(`${side}/${kind.name}`)!.values);
  const there = absoluteError(of('ours'), ours.get(kind.name)!);
  console.log(
    `${kind.name}: trained here, in PEFT ${there.toExponential(1)} (it moves logits by ${change.toFixed(2)})`,
  );
  for (const warning of warnings) console.log(`  PEFT warns: ${warning}`);
  judge(there);
  if (warnings.length > 0) failures += 1;
  // What its random numbers decided is not known again, and it is refused.
  if (String(kind.lora.init_lora_weights).includes('niter')) continue;
  const here = absoluteError(await readLogits(kind), of('peft'));
  judge(here);
  console.log(`${kind.name}: saved by PEFT, here ${here.toExponential(1)}`);
}
rmSync(folder, { recursive: true });
console.log(`${kinds.length} kinds, largest difference ${worst.toExponential(1)}, failures: ${failures}`);
process.exitCode = failures === 0 ? 0 : 1;
