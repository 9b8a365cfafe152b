/** The step function of generation: the logits of one row of a block, run anew for every token. */
import { gather, matMul, reshape } from '#jit/ops.js';
import type { Program } from '#jit/trace.js';
import { createLoraModel } from '#lora/lora-model.js';
import type { TargetModule } from '#lora/target-modules.js';
import type { DecoderConfig } from '#models/config.js';
import { splitFlat } from '#nn/flat-state.js';

/**
 * Reads tokens, positions int32 [L], segments int32 [1, L] and row int32 [1]; gives logits f32 [vocabulary].
 *
 * With LoRA modules it reads the state `parameters` too. A vector of zeros gives the base model's bits: every LoRA
 * layer adds an exact zero.
 */
export function nextTokenProgram(config: DecoderConfig, modules: readonly TargetModule[]): Program {
  const { decoder, layout } = createLoraModel(config, modules, 0);
  return ({ data, state, weights }) => {
    const factors = modules.length > 0 ? splitFlat(state['parameters']!, layout) : [];
    const own = new Map(factors.map((factor, i) => [layout.entries[i]!.name, factor]));
    decoder.bindParameters(({ name }) => own.get(name) ?? weights[name]!);
    const hidden = decoder.forward({
      tokens: data['tokens']!,
      positions: data['positions']!,
      segments: data['segments']!,
    });
    const logits = matMul(gather(hidden, data['row']!), decoder.headWeight, false, true);
    return { outputs: { logits: reshape(logits, [config.vocabSize]) }, state: {} };
  };
}
