import '@tensorflow/tfjs-backend-cpu';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { headLogits } from '#jit/ops/loss-head.js';
import type { Program } from '#jit/trace.js';
import { parseLoraConfig } from '#lora/config.js';
import { createLoraModel } from '#lora/lora-model.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import { frozenWeights, readFrozenWeight } from '#models/frozen-weights.js';
import { type ModelFolder, openModelFolder } from '#models/model-folder.js';
import { splitFlat } from '#nn/flat-state.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { EagerRunner } from '#runtime/eager-runner.js';
import { normal } from '../../test/finite-differences.js';

describe('a model with an adapter', () => {
  let base: ModelFolder;
  beforeAll(async () => {
    base = await openModelFolder(join(import.meta.dirname, '../../test/fixtures/families/llama'));
  });

  /** Logits of the same tokens with the adapter, without it, and with it again, in one step. */
  function stepOf(): { program: Program; size: number } {
    const { modules } = resolveTargetModules(base.tree, parseLoraConfig({ target_modules: 'all-linear' }));
    const model = createLoraModel(base.config, modules, 0);
    const program: Program = ({ data, weights, state }) => {
      const parts = splitFlat(state['parameters']!, model.layout);
      const own = new Map(model.layout.entries.map(({ name }, i) => [name, parts[i]!]));
      model.decoder.bindParameters(({ name }) => own.get(name) ?? weights[name]!);
      const logits = () => {
        const { tokens, positions, segments } = data;
        const hidden = model.decoder.forward({
          tokens: tokens!,
          positions: positions!,
          segments: segments!,
        });
        return headLogits(hidden, model.decoder.logitsHead);
      };
      const outputs = { on: logits(), off: model.withoutAdapter(logits), again: logits() };
      return { outputs, state: {} };
    };
    return { program, size: model.layout.size };
  }

  test.each(['compiled', 'eager'])('computes as its base within a step, %s', async (kind) => {
    const { program, size } = stepOf();
    const ints = (...shape: number[]) => ({ shape, dtype: 'int32' as const });
    const spec = {
      data: { tokens: ints(6), positions: ints(6), segments: ints(1, 6) },
      scalars: [],
      state: { parameters: { shape: [size], dtype: 'float32' as const } },
      weights: frozenWeights(base.parameters),
    };
    const run = async (parameters: Float32Array) => {
      const runner =
        kind === 'eager'
          ? new EagerRunner({ step: { program, spec } }, { parameters }, readFrozenWeight, 'cpu')
          : new CompiledRunner(
              {
                step: {
                  key: 'step',
                  compile: () => compileProgram(program, spec, { device: 'cpu', recomputedSegments: 0 }),
                },
              },
              { parameters },
              { device: 'cpu', threads: 2, spin: false, cacheFolder: undefined },
            );
      const data = {
        tokens: Int32Array.of(3, 1, 4, 1, 5, 9),
        positions: Int32Array.of(0, 1, 2, 3, 4, 5),
        segments: new Int32Array(6).fill(1),
      };
      const results = await runner.run('step', { data });
      await runner.close();
      return results;
    };
    const trained = await run(normal('parameters', [size]));
    const untrained = await run(new Float32Array(size));
    expect(trained['off']).toEqual(untrained['on']);
    expect(trained['on']).not.toEqual(trained['off']);
    expect(trained['again']).toEqual(trained['on']);
  });
});
