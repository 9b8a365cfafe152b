/** Files that were damaged at random. */

/** Numbers from 0 to below 1 that repeat: mulberry32. */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The content with up to five changes: bytes set, cut out, cut off or doubled. */
export function mutate(content: Buffer, random: () => number): Buffer {
  const at = () => Math.floor(random() * content.length);
  let mutated = Buffer.from(content);
  for (let change = 0; change <= 4 * random(); change++) {
    const [from, to] = [at(), at()].toSorted((a, b) => a - b) as [number, number];
    const kind = random();
    if (kind < 0.6 && mutated.length > 0) mutated[from % mutated.length] = Math.floor(256 * random());
    else if (kind < 0.75) mutated = mutated.subarray(0, to);
    else if (kind < 0.9) mutated = Buffer.concat([mutated.subarray(0, from), mutated.subarray(to)]);
    else mutated = Buffer.concat([mutated.subarray(0, to), mutated.subarray(from)]);
  }
  return mutated;
}
