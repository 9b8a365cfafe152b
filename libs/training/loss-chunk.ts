/** How many rows the loss head works on at a time. */

/** Logits of one chunk should not dominate the memory of a step. */
const chunkBytes = 48 * 1024 * 1024;
const smallest = 64;

/**
 * The chunk size, a power of two from 64 on, for micro-batches of `rows` rows of which about `lossRows` have a
 * target: big chunks use the head's weight best, but rows of a chunk that has no target are work for nothing.
 */
export function chooseChunkSize(rows: number, lossRows: number, vocabularySize: number): number {
  const largest = Math.min(rows, Math.max(smallest, Math.floor(chunkBytes / (4 * vocabularySize))));
  let best = smallest;
  let bestCost = Infinity;
  for (let size = smallest; size <= largest; size *= 2) {
    // Reading the weight once for every chunk costs about as much as 12 rows of products (measured, 49,152 x 576).
    const cost = Math.ceil(Math.max(1, lossRows) / size) * (size + 12);
    if (cost <= bestCost) [best, bestCost] = [size, cost];
  }
  return Math.min(best, Math.max(1, rows));
}
