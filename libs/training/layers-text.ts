/** How many layers a plan adapts, in words. Read in browsers too: imports nothing. */
export function layersText({
  modules,
  whole_weights: whole,
}: {
  readonly modules: readonly unknown[];
  readonly whole_weights: readonly unknown[];
}): string {
  const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;
  const layers = counted(modules.length, 'layer');
  return whole.length === 0 ? layers : `${layers} and ${counted(whole.length, 'whole weight')}`;
}
