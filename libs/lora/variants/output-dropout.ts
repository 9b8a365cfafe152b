/** LoRA as the layers of github.com/cloneofsimo/lora train it: y = base(x) + dropout(scale * B A x). */
import { add } from '#jit/ops.js';
import type { Variant } from '#lora/variants/variant.js';

export const outputDropout: Variant = {
  name: 'output-dropout',
  title: 'LoRA with dropout on its output',
  isAsked: ({ lora_dropout_on }) => lora_dropout_on === 'output',
  tensors: () => ({}),
  initial: () => Promise.resolve({}),
  forward: (layer, x) =>
    layer.part.scale === 0
      ? layer.baseOutput(x)
      : add(layer.baseOutput(x), layer.part.gated(layer.part.dropped(layer.lowRank(x)))),
};
