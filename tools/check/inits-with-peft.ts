/**
 * Compares adapters that start from a part of the base's weights, or from orthogonal factors, with PEFT:
 *
 *     node dist/tools/check/inits-with-peft.js --model FOLDER --python PYTHON
 *
 * An adapter that is trained here from such a start is saved for the untouched base and must give PEFT the logits that the
 * run itself computes; one that PEFT saved without conversion must give its logits here. Ends with 1 where they differ by
 * more than 1e-4.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { flattenModules, unflattenModules } from '#adapters/flat-factors.js';
import { readAdapter } from '#adapters/read-adapter.js';
import { startOn } from '#adapters/base-layers.js';
import { writeAdapter } from '#adapters/write-adapter.js';
import { headLogits } from '#jit/ops/loss-head.js';
import { normalAt, streamKey } from '#jit/random.js';
import type { Program } from '#jit/trace.js';
import { parseLoraConfig } from '#lora/config.js';
import { createLoraModel } from '#lora/lora-model.js';
import type { TargetModule } from '#lora/target-module.js';
import { frozenWeights } from '#models/frozen-weights.js';
import { openModelFolder } from '#models/model-folder.js';
import { splitFlat } from '#nn/flat-state.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { SavedAdapter } from '#training/saved-adapter.js';
import { startingAdapter } from '#training/starting-adapter.js';

const { values } = parseArgs({ options: { model: { type: 'string' }, python: { type: 'string' } } });
const { model, python } = values;
if (!model || !python) throw new Error('--model and --python are needed');
const folder = mkdtempSync(join(tmpdir(), 'lowrank-inits-'));
const base = await openModelFolder(resolve(model));
const length = 12;
const tokens = Int32Array.from({ length }, (_, i) => (7 * i + 3) % 90);

/** Logits of every position under an adapter, [length, vocabulary]. */
async function logitsOf(
  modules: readonly TargetModule[],
  parameters: Float32Array,
  taken: Float32Array = new Float32Array(),
): Promise<Float32Array> {
  const adapted = createLoraModel(base.config, modules, 0);
  const program: Program = ({ data, weights, state }) => {
    const own = new Map(
      splitFlat(state['parameters']!, adapted.layout).map((part, i) => [
        adapted.layout.entries[i]!.name,
        part,
      ]),
    );
    if (taken.length > 0) {
      const parts = splitFlat(data['frozen']!, adapted.frozen);
      adapted.frozen.entries.forEach(({ name }, i) => own.set(name, parts[i]!));
    }
    adapted.model.bindParameters(({ name }) => own.get(name) ?? weights[name]!);
    const { tokens, positions, segments } = data;
    const hidden = adapted.decoder.forward({
      tokens: tokens!,
      positions: positions!,
      segments: segments!,
    });
    return { outputs: { logits: headLogits(hidden, adapted.decoder.logitsHead) }, state: {} };
  };
  const int = (shape: number[]) => ({ shape, dtype: 'int32' as const });
  const float = (size: number) => ({ shape: [size], dtype: 'float32' as const });
  const spec = {
    data: {
      tokens: int([length]),
      positions: int([length]),
      segments: int([1, length]),
      ...(taken.length > 0 ? { frozen: float(taken.length) } : {}),
    },
    scalars: [],
    state: { parameters: float(parameters.length) },
    weights: frozenWeights(base.parameters),
  };
  const compile = () => compileProgram(program, spec, { device: 'cpu', recomputedSegments: 0 });
  const runner = new CompiledRunner(
    { logits: { key: 'logits', compile } },
    { parameters },
    { device: 'cpu', threads: 2, spin: false, cacheFolder: undefined },
  );
  const positions = Int32Array.from(tokens, (_, i) => i);
  const segments = new Int32Array(length).fill(1);
  const { logits } = await runner.run('logits', { data: { tokens, positions, segments, frozen: taken } });
  await runner.close();
  return logits as Float32Array;
}

const inits = ['pissa', 'pissa_niter_8', 'olora', 'orthogonal'];
const ours: Record<string, number[]> = {};
for (const init of inits) {
  const lora = parseLoraConfig({
    r: 4,
    lora_alpha: 6,
    target_modules: ['q_proj', 'down_proj'],
    init_lora_weights: init,
    rank_pattern: { down_proj: 6 },
    task_type: 'CAUSAL_LM',
  });
  const { plan, parameters } = await startingAdapter(base, lora, null, 7);
  const saved = new SavedAdapter(plan);
  const start = saved.start(await parameters());
  const key = streamKey(7, 0, init);
  // As far as a training would bring it.
  const trained = start.parameters.map((value, i) => value + 0.05 * normalAt(key, i));
  ours[init] = [...(await logitsOf(saved.trained, trained, start.frozen))];
  await writeAdapter(join(folder, init), {
    config: saved.config,
    modules: unflattenModules(saved.modules, saved.pack({ ...start, parameters: trained })),
  });
}
writeFileSync(join(folder, 'job.json'), JSON.stringify({ base: base.folder, inits, tokens: [...tokens] }));
const script = join(import.meta.dirname, '../../../tools/check/inits_in_peft.py');
const { status } = spawnSync(python, [script, folder], { stdio: ['ignore', 'inherit', 'inherit'] });
if (status !== 0) throw new Error(`${python} ${script} ${folder} ended with ${status}`);
type Logits = Readonly<Record<string, readonly number[]>>;
const theirs = JSON.parse(readFileSync(join(folder, 'peft.json'), 'utf8')) as { ours: Logits; peft: Logits };

let worst = 0;
function compare(what: string, actual: readonly number[] | Float32Array, expected: readonly number[]): void {
  const difference = expected.reduce(
    (largest, value, i) => Math.max(largest, Math.abs(value - actual[i]!)),
    0,
  );
  worst = Math.max(worst, difference);
  console.log(`${what}: logits differ by ${difference.toExponential(1)}`);
}
for (const init of inits) {
  compare(`${init}, trained here, in PEFT`, theirs.ours[init]!, ours[init]!);
  // What its random numbers decided is not known again, and it is refused.
  if (init.includes('niter')) continue;
  const adapter = await readAdapter(join(folder, `peft-${init}`), {
    model: base.tree,
    weights: startOn(base),
  });
  const modules = [...adapter.modules.values()];
  compare(
    `${init}, saved by PEFT, here`,
    await logitsOf(modules, flattenModules(modules)),
    theirs.peft[init]!,
  );
}
process.exitCode = worst <= 1e-4 ? 0 : 1;
