import { type Init, plainLinearOnly, weightOf } from '#lora/inits/init.js';
import { principalComponents, roughComponents } from '#lora/numeric/principal-components.js';

const rough = /^pissa_niter_(\d+)$/;

/**
 * The principal components of W (PiSSA, arXiv 2404.02948), as PEFT's `pissa_init` takes them: A = sqrt(S / scale) V^T and
 * B = U sqrt(S / scale). `pissa_niter_N` takes what N subspace iterations find.
 */
export const pissa: Init = {
  matches: (name) => name === 'pissa' || rough.test(name),
  refusal: plainLinearOnly,
  isSubtracted: true,
  isKnownAgain: (name) => !rough.test(name),
  factors: async (target, start) => {
    const { path, r, scale, inFeatures, outFeatures } = target;
    const { init, random, pause } = start;
    const W = await weightOf(target, start);
    const search = { uniform: (index: number) => random.uniform(`${path}.pissa`, index), pause };
    const iterations = rough.exec(String(init))?.[1];
    const { sigma, U, V } = iterations
      ? await roughComponents(W, r, Number(iterations), search)
      : await principalComponents(W, r, search);
    const A = new Float32Array(r * inFeatures);
    const B = new Float32Array(outFeatures * r);
    sigma.forEach((value, k) => {
      const root = Math.sqrt(value / scale);
      V[k]!.forEach((v, i) => (A[k * inFeatures + i] = root * v));
      U[k]!.forEach((u, o) => (B[o * r + k] = root * u));
    });
    return { A, B };
  },
};
