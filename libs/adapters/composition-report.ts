/** What a composition keeps of the exact sum of its members. */
import type { CompositionForm } from '#adapters/composition-recipe.js';
import type { StackModule } from '#adapters/composition-members.js';
import type { Spectrum } from '#adapters/stack-measure.js';

/** How near a composition is to the exact sum, in Frobenius norms. */
export interface Closeness {
  /** Of the exact sum. */
  readonly norm: number;
  /** Of what is kept of it. */
  readonly keptNorm: number;
  /** Norm of what is lost over the norm of the exact sum; 0 if nothing was there. */
  readonly relativeError: number;
  /** Share of the squared norm that is kept, 1 - relativeError^2. */
  readonly keptEnergy: number;
}

/** One layer of a composition. */
export interface ModuleReport extends Closeness {
  readonly path: string;
  /** [out, in] of the frozen weight. */
  readonly shape: readonly [number, number];
  readonly rank: number;
  /** The rank of the members together. */
  readonly stackRank: number;
  /** Norm of weight * scale * B A of each member, by the order of the recipe; 0 where a member has no such layer. */
  readonly memberNorms: readonly number[];
}

/** The rank that a layer gets. A stack that is taller than the layer loses nothing at the layer's own rank. */
export function chooseRank(module: StackModule, { sigma }: Spectrum, form: CompositionForm): number {
  const most = Math.min(module.rank, module.inFeatures, module.outFeatures);
  if (form.kind === 'stacked') return most;
  if (form.kind === 'rank') return Math.min(form.rank, most);
  const allowed = (1 - form.energy) * tailEnergy(sigma, 0);
  let rank = most;
  while (rank > 1 && tailEnergy(sigma, rank - 1) <= allowed) rank--;
  return rank;
}

/** What a layer keeps at a rank. */
export function reportModule(
  { path, rank: stackRank, parts, inFeatures, outFeatures }: StackModule,
  { sigma, partNorms }: Spectrum,
  rank: number,
  memberCount: number,
): ModuleReport {
  const memberNorms = Array.from({ length: memberCount }, () => 0);
  for (const [i, { member }] of parts.entries()) memberNorms[member] = partNorms[i]!;
  const closeness = closenessOf(tailEnergy(sigma, 0), tailEnergy(sigma, rank));
  return { path, shape: [outFeatures, inFeatures], rank, stackRank, ...closeness, memberNorms };
}

/** All layers together, as if they were one. */
export function reportOverall(modules: readonly ModuleReport[]): Closeness {
  let [energy, lost] = [0, 0];
  for (const { norm, relativeError } of modules) {
    energy += norm ** 2;
    lost += (norm * relativeError) ** 2;
  }
  return closenessOf(energy, lost);
}

/** What one rank for all layers keeps of the squared norm of their sum, from the rank 1 to the largest of any layer. */
export function energyByRank(spectra: readonly Spectrum[]): number[] {
  const ranks = Math.max(...spectra.map(({ sigma }) => sigma.length));
  const energies = Array.from({ length: ranks }, (_, k) =>
    spectra.reduce((sum, { sigma }) => sum + (sigma[k] ?? 0) ** 2, 0),
  );
  const kept: number[] = [];
  let lost = 0;
  for (let k = ranks - 1; k >= 0; k--) {
    kept[k] = lost;
    lost += energies[k]!;
  }
  return kept.map((beyond) => (lost > 0 ? 1 - beyond / lost : 1));
}

function closenessOf(energy: number, lost: number): Closeness {
  return {
    norm: Math.sqrt(energy),
    keptNorm: Math.sqrt(energy - lost),
    relativeError: energy > 0 ? Math.sqrt(lost / energy) : 0,
    keptEnergy: energy > 0 ? 1 - lost / energy : 1,
  };
}

/** The sum of the squares from `rank` on, the smallest first. */
function tailEnergy(sigma: Float64Array, rank: number): number {
  let sum = 0;
  for (let k = sigma.length - 1; k >= rank; k--) sum += sigma[k]! ** 2;
  return sum;
}
