import { describe, expect, test } from 'vitest';
import { parseLoraConfig } from '#lora/config.js';
import { plainConfig, plainFactors, splitFactors } from '#lora/inits/plain-lora.js';
import { initialFactors } from '#lora/inits/registry.js';
import { transposed } from '#lora/numeric/matrix-products.js';
import { normalNumbers, seededNumbers } from '#lora/random-numbers.js';
import { rankPaths } from '#lora/target-modules-match.js';
import type { LoraFactors } from '#lora/target-module.js';
import { targetModule } from '#lora/variants/registry.js';

const [r, inFeatures, outFeatures, scale] = [4, 24, 18, 1.5];
const target = targetModule(
  'layers.0.q_proj',
  { kind: 'linear', inFeatures, outFeatures },
  { r, loraAlpha: r * scale, scale },
);
const random = seededNumbers(5);
const W = normalNumbers(random, 'W', outFeatures * inFeatures, 1);
type InitName = 'orthogonal' | 'olora' | 'pissa' | 'pissa_niter_300';

function factorsOf(init: InitName, isTransposed = false): Promise<LoraFactors> {
  const lying = transposed({ values: W, rows: outFeatures, columns: inFeatures }).values;
  const readWeight = () => Promise.resolve(isTransposed ? lying : W);
  const norms = () => Promise.reject(new Error('no norms are asked for'));
  return initialFactors(target, { init, random, readWeight, norms, isTransposed: () => isTransposed });
}

/** B A, row by row. */
function product({ A, B }: LoraFactors): number[] {
  return Array.from({ length: outFeatures * inFeatures }, (_, at) => {
    const [o, i] = [Math.floor(at / inFeatures), at % inFeatures];
    let sum = 0;
    for (let k = 0; k < r; k++) sum += B[o * r + k]! * A[k * inFeatures + i]!;
    return sum;
  });
}

const squares = (values: Iterable<number>) => [...values].reduce((sum, value) => sum + value * value, 0);

describe.each(['pissa', 'olora'] as const)('%s', (init) => {
  test('reads a weight the same whichever way it lies', async () => {
    const [plain, turned] = [product(await factorsOf(init)), product(await factorsOf(init, true))];
    expect(squares(plain.map((value, i) => value - turned[i]!))).toBeLessThan(1e-9);
  });

  test('is the same for the same seed', async () => {
    expect(await factorsOf(init)).toEqual(await factorsOf(init));
  });
});

test('pissa leaves the least that rank r can leave, at its scale, and subspace iterations come close to it', async () => {
  const left = async (init: InitName) => {
    const taken = product(await factorsOf(init));
    return squares(taken.map((value, i) => W[i]! - scale * value));
  };
  const [best, near, other] = [await left('pissa'), await left('pissa_niter_300'), await left('olora')];
  expect(near / best).toBeCloseTo(1, 3);
  expect(near).toBeGreaterThanOrEqual(best * (1 - 1e-6));
  expect(other).toBeGreaterThan(best);
});

test('olora takes the first columns of the weight whole', async () => {
  const taken = product(await factorsOf('olora'));
  for (let o = 0; o < outFeatures; o++) {
    for (let i = 0; i < r; i++) {
      expect(taken[o * inFeatures + i]).toBeCloseTo(W[o * inFeatures + i]!, 5);
    }
  }
});

test('orthogonal factors have a product of zero and numbers of the size of PEFT', async () => {
  const { A, B } = await factorsOf('orthogonal');
  expect(squares(product({ A, B }))).toBeLessThan(1e-12);
  for (const values of [A, B]) {
    // A sum of r/2 normal numbers times entries of an orthogonal matrix, of mean square 1/r, over 10.
    const meanSquare = squares(values) / values.length;
    expect(meanSquare).toBeGreaterThan(0.005 / 2);
    expect(meanSquare).toBeLessThan(0.005 * 2);
  }
});

test('two products become one of twice the rank, and two again with the same bits', () => {
  const draw = (site: string): LoraFactors => ({
    A: normalNumbers(random, `${site}A`, r * inFeatures, 1),
    B: normalNumbers(random, `${site}B`, outFeatures * r, 1),
  });
  const [factors, start] = [draw('trained'), draw('start')];
  expect(splitFactors(plainFactors(factors, start, r), r)).toEqual({ factors, start });
});

test.each([false, true])(
  'the plain adapter has every scale of the trained one, use_rslora %s',
  (use_rslora) => {
    const config = parseLoraConfig({
      r: 4,
      lora_alpha: 6,
      init_lora_weights: 'olora',
      rank_pattern: { up_proj: 6 },
      alpha_pattern: { v_proj: 3 },
      use_rslora,
    });
    const paths = ['q_proj', 'v_proj', 'up_proj'];
    const plain = rankPaths(plainConfig(config), paths);
    rankPaths(config, paths).forEach((trained, i) => {
      expect(plain[i]!.r).toBe(2 * trained.r);
      expect(plain[i]!.scale).toBeCloseTo(trained.scale, 12);
    });
  },
);
