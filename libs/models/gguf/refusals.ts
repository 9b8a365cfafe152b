/** Why models of some configurations compute something else in llama.cpp, which has these numbers built in. */
import type { DecoderFields } from '#models/families/decoder-fields.js';
import type { LayerRopes } from '#models/config-rope.js';

type Windows = { readonly slidingWindow: readonly (number | null)[] };

/** For architectures that have no windows there. */
export function windowsRefused({ slidingWindow }: Windows): string | undefined {
  return slidingWindow.every((window) => window === null)
    ? undefined
    : 'some of its layers have sliding windows';
}

/** Every second layer has a window; heads are scaled by their size, but for 27B. */
export function gemma2Refused(
  config: DecoderFields & Windows & { readonly attentionScale: number },
): string | undefined {
  const alternates = config.slidingWindow.every((window, layer) => (window === null) === (layer % 2 === 1));
  if (!alternates) return 'its windows are not on every second layer';
  return scaleRefused(config, gemma2Largest);
}

/** Every sixth layer has no window. */
export function gemma3Refused(
  config: DecoderFields & {
    readonly layerTypes: readonly string[];
    readonly ropes: LayerRopes;
    readonly attentionScale: number;
  },
): string | undefined {
  const { layerTypes, ropes } = config;
  const isUsual = layerTypes.every((type, layer) => (type === 'full_attention') === ((layer + 1) % 6 === 0));
  if (!isUsual) return 'its layers without a window are not every sixth';
  if (ropes.sliding.scaling.type !== 'default') return 'the positions of its layers with a window are scaled';
  return scaleRefused(config, gemma3Largest);
}

/** Layers of the largest model, whose scale follows from the size of all heads together. */
const gemma2Largest = 46;
const gemma3Largest = 62;

function scaleRefused(
  { layers, hiddenSize, heads, headDim, attentionScale }: DecoderFields & { readonly attentionScale: number },
  largest: number,
): string | undefined {
  const size = layers === largest ? hiddenSize / heads : headDim;
  return Math.abs(attentionScale * Math.sqrt(size) - 1) < 1e-6
    ? undefined
    : `its scores are scaled by ${attentionScale}, not by the root of ${size}`;
}
