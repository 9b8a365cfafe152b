import type { Init } from '#lora/inits/init.js';
import { addScaled } from '#lora/numeric/matrix-products.js';
import { thinQr } from '#lora/numeric/thin-qr.js';
import { normalNumbers } from '#lora/random-numbers.js';

/**
 * A and B in orthogonal halves of the space of the rank, as PEFT's `orthogonal_init` makes them: with the odd rows Q1 and the
 * even rows Q2 of a random orthogonal matrix, A = Q1^T N1 / 10 and B = N2 Q2 / 10, N1 and N2 normal. B A is zero up to rounding.
 */
export const orthogonal: Init = {
  matches: (name) => name === 'orthogonal',
  refusal: ({ kind, r }) => {
    if (kind !== 'linear') return 'it is for linear layers';
    return r % 2 === 0 ? undefined : `its rank must be even, not ${r}`;
  },
  isSubtracted: false,
  factors: ({ path, r, inFeatures, outFeatures }, { random }) => {
    const half = r / 2;
    const draw = (what: string, count: number) => normalNumbers(random, `${path}.lora_${what}`, count, 1);
    const square = draw('Q', r * r);
    const { Q } = thinQr(
      Array.from({ length: r }, (_, j) => Float64Array.from({ length: r }, (__, i) => square[i * r + j]!)),
    );
    // Row i of the orthogonal matrix, whose columns Q holds.
    const rowOf = (i: number) => Float64Array.from(Q, (column) => column[i]!);
    const [odd, even] = [0, 1].map((first) => Array.from({ length: half }, (_, k) => rowOf(2 * k + first)));
    const mixed = (numbers: Float32Array, at: (k: number) => number, rows: readonly Float64Array[]) => {
      const sum = new Float64Array(r);
      rows.forEach((row, k) => addScaled(sum, row, numbers[at(k)]! / 10));
      return sum;
    };
    const [ofA, ofB] = [draw('A', half * inFeatures), draw('B', half * outFeatures)];
    const A = new Float32Array(r * inFeatures);
    for (let i = 0; i < inFeatures; i++) {
      mixed(ofA, (k) => i * half + k, odd!).forEach((value, j) => (A[j * inFeatures + i] = value));
    }
    const B = new Float32Array(outFeatures * r);
    for (let o = 0; o < outFeatures; o++)
      B.set(
        mixed(ofB, (k) => k * outFeatures + o, even!),
        o * r,
      );
    return Promise.resolve({ A, B });
  },
};
