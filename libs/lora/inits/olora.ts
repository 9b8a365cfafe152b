import { type Init, plainLinearOnly, weightOf } from '#lora/inits/init.js';
import { transposedTimes } from '#lora/numeric/matrix-products.js';
import { thinQr } from '#lora/numeric/thin-qr.js';

/** The first columns of Q and rows of R in W = Q R (OLoRA, arXiv 2406.01775), as PEFT's `olora_init` takes them. */
export const olora: Init = {
  matches: (name) => name === 'olora',
  refusal: plainLinearOnly,
  isSubtracted: true,
  factors: async (target, start) => {
    const { r, inFeatures, outFeatures } = target;
    const W = await weightOf(target, start);
    const columns = Array.from({ length: r }, (_, j) =>
      Float64Array.from({ length: outFeatures }, (__, i) => W.values[i * inFeatures + j]!),
    );
    const { Q } = thinQr(columns);
    const A = new Float32Array(r * inFeatures);
    const B = new Float32Array(outFeatures * r);
    for (const [k, q] of Q.entries()) {
      A.set(transposedTimes(W, q), k * inFeatures);
      q.forEach((value, o) => (B[o * r + k] = value));
      await start.pause?.();
    }
    return { A, B };
  },
};
