/** LoRA as it was first described (Hu et al. 2021): y = base(x) + scale * B A dropout(x). */
import { add } from '#jit/ops.js';
import type { Variant } from '#lora/variants/variant.js';

export const lora: Variant = {
  name: 'lora',
  title: 'LoRA',
  tensors: () => ({}),
  initial: () => Promise.resolve({}),
  // With scale 0 these are the base's bits.
  forward: (layer, x) =>
    layer.part.scale === 0
      ? layer.baseOutput(x)
      : add(layer.baseOutput(x), layer.part.gated(layer.lowRank(layer.dropped(x)))),
};
