/** LoRA with a bias on B (PEFT's `lora_bias`): y = base(x) + scale * (B A dropout(x) + b). */
import { add, mul, scalar } from '#jit/ops.js';
import { layerKind } from '#lora/layer-kinds/registry.js';
import { uniformNumbers } from '#lora/random-numbers.js';
import { loraBiasDeclaration } from '#lora/variants/declared/lora-bias.js';
import type { Variant } from '#lora/variants/variant.js';

export const loraBias: Variant = {
  name: 'lora-bias',
  title: 'LoRA with a bias on B',
  declaration: loraBiasDeclaration,
  refusal: (geometry) => {
    const { takesBias, title } = layerKind(geometry);
    return takesBias
      ? undefined
      : `lora_bias is not possible on ${title}: leave it out of target_modules, or set lora_bias to false`;
  },
  tensors: ({ outFeatures }) => ({ bias: { name: 'lora_B.bias', shape: [outFeatures] } }),
  initial: ({ path, r, outFeatures }, _, { init, random }) =>
    Promise.resolve({
      bias:
        init === false
          ? uniformNumbers(random, `${path}.lora_B.bias`, outFeatures, 1 / Math.sqrt(r))
          : new Float32Array(outFeatures),
    }),
  biasChange: ({ bias }, scale) => Float64Array.from(bias!, (value) => scale * value),
  forward: (layer, x) => {
    const bias = mul(layer.part.tensor('bias'), scalar(layer.part.scale));
    return add(add(layer.baseOutput(x), layer.lowRank(layer.dropped(x))), layer.perOutput(bias));
  },
  notAdditive: 'lora_bias adds a bias beside the product of its factors',
};
