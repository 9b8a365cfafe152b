/** The smallest rank that keeps a share of the energy; `energies` are those of the ranks 1, 2, 3 ... */
export function rankThatKeeps(energies: readonly number[], share: number): number {
  const found = energies.findIndex((energy) => energy >= share);
  return found < 0 ? energies.length : found + 1;
}
