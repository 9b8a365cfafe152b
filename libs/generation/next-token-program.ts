/** The step function of generation: the logits of one row of a block, run anew for every token. */
import { gather, matMul, reshape } from '#jit/ops.js';
import type { Program } from '#jit/trace.js';
import { selectorLayout } from '#lora/adapter-layout.js';
import type { Selector } from '#lora/lora-linear.js';
import { createLoraModel } from '#lora/lora-model.js';
import type { TargetModule } from '#lora/target-modules.js';
import type { DecoderConfig } from '#models/config.js';
import { splitFlat } from '#nn/flat-state.js';

/**
 * Reads tokens, positions int32 [L], segments int32 [1, L] and row int32 [1]; gives logits f32 [vocabulary].
 *
 * With LoRA modules it reads their factors too, each under its name, and with selectors the vector `selector` of all of
 * them. Factors or selectors of zeros give the base model's bits: every LoRA layer adds an exact zero.
 */
export function nextTokenProgram(
  config: DecoderConfig,
  modules: readonly TargetModule[],
  selector: Selector,
): Program {
  const { decoder } = createLoraModel(config, modules, 0, selector);
  const selectors = selectorLayout(modules);
  return ({ data, weights }) => {
    const split = data['selector'] ? splitFlat(data['selector'], selectors) : [];
    const own = new Map(split.map((part, i) => [selectors.entries[i]!.name, part]));
    decoder.bindParameters(({ name }) => own.get(name) ?? data[name] ?? weights[name]!);
    const hidden = decoder.forward({
      tokens: data['tokens']!,
      positions: data['positions']!,
      segments: data['segments']!,
    });
    const logits = matMul(gather(hidden, data['row']!), decoder.headWeight, false, true);
    return { outputs: { logits: reshape(logits, [config.vocabSize]) }, state: {} };
  };
}
