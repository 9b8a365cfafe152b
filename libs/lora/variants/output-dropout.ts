/** LoRA as the layers of github.com/cloneofsimo/lora train it: y = base(x) + dropout(scale * B A x). */
import { add } from '#jit/ops.js';
import { outputDropoutDeclaration } from '#lora/variants/declared/output-dropout.js';
import type { Variant } from '#lora/variants/variant.js';

export const outputDropout: Variant = {
  name: 'output-dropout',
  title: 'LoRA with dropout on its output',
  declaration: outputDropoutDeclaration,
  tensors: () => ({}),
  initial: () => Promise.resolve({}),
  forward: (layer, x) =>
    layer.part.scale === 0
      ? layer.baseOutput(x)
      : add(layer.baseOutput(x), layer.part.gated(layer.part.dropped(layer.lowRank(x)))),
};
