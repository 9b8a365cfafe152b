/** What a base model computes with an adapter on batches of golden numbers. */
import type { Program } from '#jit/trace.js';
import { createLoraModel } from '#lora/lora-model.js';
import type { TargetModule } from '#lora/target-module.js';
import { frozenWeights } from '#models/frozen-weights.js';
import type { ModelFolder } from '#models/model-folder.js';
import { splitFlat } from '#nn/flat-state.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import type { RunNumbers } from '#training/saved-adapter.js';
import type { GoldenTask } from '../../test/golden/lora-batches.js';

export const runnerOptions = { device: 'cpu', threads: 2, spin: false, cacheFolder: undefined } as const;

/** Logits of the first batch of a step of golden numbers, those of padding left out. */
export async function logitsOf(
  base: ModelFolder,
  task: GoldenTask,
  modules: readonly TargetModule[],
  { parameters, frozen }: RunNumbers,
  step: number,
): Promise<ArrayLike<number>> {
  const adapted = createLoraModel(base.config, modules, 0);
  const program: Program = ({ data, weights, state }) => {
    const trained = splitFlat(state['parameters']!, adapted.layout);
    const taken = frozen.length > 0 ? splitFlat(data['frozen']!, adapted.frozen) : [];
    const own = new Map([
      ...trained.map((part, i) => [adapted.layout.entries[i]!.name, part] as const),
      ...taken.map((part, i) => [adapted.frozen.entries[i]!.name, part] as const),
    ]);
    adapted.model.bindParameters(({ name }) => own.get(name) ?? weights[name]!);
    return { outputs: { logits: task.logits(adapted.model, data) }, state: {} };
  };
  const float = (size: number) => ({ shape: [size], dtype: 'float32' as const });
  const spec = {
    data: { ...task.logitsSpec, ...(frozen.length > 0 ? { frozen: float(frozen.length) } : {}) },
    scalars: [],
    state: { parameters: float(parameters.length) },
    weights: frozenWeights(base.parameters),
  };
  const compile = () => compileProgram(program, spec, { device: 'cpu', recomputedSegments: 0 });
  const runner = new CompiledRunner({ logits: { key: 'logits', compile } }, { parameters }, runnerOptions);
  const { logitsInputs, counted } = task.batch(step, 0);
  const { logits } = await runner.run('logits', { data: { ...logitsInputs, frozen } });
  await runner.close();
  return counted(logits!);
}
