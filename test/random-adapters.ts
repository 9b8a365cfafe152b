/** Small random adapters in memory, and what they add up to, dense and in float64. */
import type { Adapter, AdapterModule } from '#adapters/adapter.js';
import { streamKey, uniformAt } from '#jit/random.js';
import { type LoraConfigInput, parseLoraConfig } from '#lora/config.js';
import { rankPaths } from '#lora/target-modules-match.js';
import { factorsOf, targetModule } from '#lora/variants/registry.js';

/** [outFeatures, inFeatures] of layers by path. */
export type LayerShapes = Readonly<Record<string, readonly [number, number]>>;

/** An adapter with factors between -1 and 1 on the given layers. */
export function randomAdapter(seed: number, config: LoraConfigInput, shapes: LayerShapes): Adapter {
  const parsed = parseLoraConfig(config);
  const paths = Object.keys(shapes);
  const ranks = rankPaths(parsed, paths);
  const numbers = (site: string, length: number) => {
    const key = streamKey(seed, 0, site);
    return Float32Array.from({ length }, (_, i) => 2 * uniformAt(key, i) - 1);
  };
  const modules = paths.map((path, i): [string, AdapterModule] => {
    const [outFeatures, inFeatures] = shapes[path]!;
    const { r } = ranks[i]!;
    const factors = { A: numbers(`${path} A`, r * inFeatures), B: numbers(`${path} B`, outFeatures * r) };
    const layer = { kind: 'linear', inFeatures, outFeatures };
    return [path, { ...targetModule(path, layer, ranks[i]!), numbers: factors }];
  });
  return { config: parsed, modules: new Map(modules), metadata: {}, ignoredFields: [], missing: [] };
}

/** One term of a sum. */
export interface WeightedAdapter {
  readonly adapter: Adapter;
  readonly weight: number;
}

/** The sum of weight * scale * B A at one layer: f64 [out, in], over the adapters that have it. */
export function denseSum(terms: readonly WeightedAdapter[], path: string): Float64Array {
  let sum = new Float64Array();
  for (const { adapter, weight } of terms) {
    const module = adapter.modules.get(path);
    if (module === undefined) continue;
    const { r, scale, inFeatures, outFeatures } = module;
    const { A, B } = factorsOf(module, module.numbers);
    if (sum.length === 0) sum = new Float64Array(outFeatures * inFeatures);
    for (let o = 0; o < outFeatures; o++) {
      for (let k = 0; k < r; k++) {
        const b = weight * scale * B[o * r + k]!;
        for (let i = 0; i < inFeatures; i++) sum[o * inFeatures + i]! += b * A[k * inFeatures + i]!;
      }
    }
  }
  return sum;
}

/** The Frobenius norm of a difference over that of its first part; 0 for two zeros. */
export function relativeDistance(exact: Float64Array, approximation: Float64Array): number {
  const distance = Math.hypot(...exact.map((value, i) => value - approximation[i]!));
  return distance === 0 ? 0 : distance / Math.hypot(...exact);
}

const q = 'model.layers.0.self_attn.q_proj';
const q1 = 'model.layers.1.self_attn.q_proj';
const v = 'model.layers.0.self_attn.v_proj';
const down = 'model.layers.0.mlp.down_proj';
/** Four layers, two of them of one name. */
export const layerShapes: LayerShapes = { [q]: [24, 20], [q1]: [24, 20], [v]: [12, 20], [down]: [20, 40] };
export const layerPaths = { q, q1, v, down };
const only = (...paths: string[]) => Object.fromEntries(paths.map((path) => [path, layerShapes[path]!]));

/** Unequal ranks, scales and targets, as PEFT allows them. */
export const unequalMembers: readonly WeightedAdapter[] = [
  {
    adapter: randomAdapter(1, { r: 3, lora_alpha: 12, target_modules: ['q_proj', 'v_proj'] }, only(q, q1, v)),
    weight: 0.7,
  },
  {
    adapter: randomAdapter(
      2,
      {
        r: 4,
        lora_alpha: 6,
        use_rslora: true,
        target_modules: ['q_proj', 'down_proj'],
        layers_to_transform: [0],
      },
      only(q, down),
    ),
    weight: -0.4,
  },
  {
    adapter: randomAdapter(
      3,
      {
        r: 2,
        lora_alpha: 5,
        target_modules: ['q_proj', 'v_proj'],
        rank_pattern: { 'layers.1.self_attn.q_proj': 5, v_proj: 1 },
        alpha_pattern: { v_proj: 3 },
      },
      only(q, q1, v),
    ),
    weight: 1.5,
  },
];
