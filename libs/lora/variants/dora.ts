/**
 * DoRA (arXiv 2402.09353): the length of what each output reads is a trained number of its own. With W' = W + scale B A,
 * y = magnitude * (W' / |W'|) x + bias; the norms are a constant of the step.
 */
import { add, div, mul, reshape, sub } from '#jit/ops.js';
import { layerKind } from '#lora/layer-kinds/registry.js';
import { doraDeclaration } from '#lora/variants/declared/dora.js';
import type { Variant } from '#lora/variants/variant.js';

export const dora: Variant = {
  name: 'dora',
  title: 'DoRA',
  declaration: doraDeclaration,
  refusal: ({ groups = 1 }) =>
    groups > 1
      ? `use_dora has no meaning on a convolution of ${groups} groups: leave it out of target_modules, or set use_dora to false`
      : undefined,
  tensors: (geometry) => ({
    magnitude: {
      name: 'lora_magnitude_vector',
      shape: layerKind(geometry).numberPerOutput(geometry.outFeatures),
    },
  }),
  initial: async (target, factors, { norms }) => ({
    magnitude: Float32Array.from(await norms(target, factors)),
  }),
  outputFactors: ({ magnitude }, norms) =>
    Float64Array.from(norms, (norm, o) => (magnitude as Float32Array)[o]! / norm),
  forward: (layer, x) => {
    const input = layer.dropped(x);
    const factor = layer.perOutput(div(reshape(layer.part.tensor('magnitude'), [-1]), layer.norms()));
    const product = layer.product(input);
    const turned = mul(add(product, layer.lowRank(input)), factor);
    // Nothing is dropped from what the base itself reads, as in PEFT.
    if (input !== x) return add(layer.baseOutput(x), sub(turned, product));
    return layer.outputBias ? add(turned, layer.outputBias) : turned;
  },
  isActiveAtZero: true,
  notAdditive: 'DoRA changes the length of the weight as well',
};
