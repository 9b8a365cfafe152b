/** The merge rules of byte-pair encoding: which pairs of token ids join, in which order, into what. */

/** Ranks of pairs in an open-addressing hash table: half a million rules in a few megabytes, no object per rule. */
export class MergeTable {
  private readonly slots: Int32Array;
  private readonly left: Int32Array;
  private readonly right: Int32Array;
  private readonly joined: Int32Array;

  /** Rules as [left id, right id, id of the joined token], the first to apply first. Of equal pairs the last counts. */
  constructor(rules: readonly (readonly [number, number, number])[]) {
    let capacity = 16;
    while (capacity < rules.length * 2) capacity *= 2;
    this.slots = new Int32Array(capacity);
    this.left = new Int32Array(rules.length);
    this.right = new Int32Array(rules.length);
    this.joined = new Int32Array(rules.length);
    for (const [rank, [left, right, joined]] of rules.entries()) {
      this.left[rank] = left;
      this.right[rank] = right;
      this.joined[rank] = joined;
      this.slots[this.slotOf(left, right)] = rank + 1;
    }
  }

  /** The rank of a pair, lower ones apply first; -1 where the two do not join. */
  rankOf(left: number, right: number): number {
    return this.slots[this.slotOf(left, right)]! - 1;
  }

  /** The id of the token that the pair of this rank becomes. */
  joinedBy(rank: number): number {
    return this.joined[rank]!;
  }

  private slotOf(left: number, right: number): number {
    const mask = this.slots.length - 1;
    const hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (;;) {
      const rank = this.slots[slot]! - 1;
      if (rank < 0 || (this.left[rank] === left && this.right[rank] === right)) return slot;
      slot = (slot + 1) & mask;
    }
  }
}

/** Positions stay below this, so that rank * POSITIONS + position is one exact number that orders merges. */
const POSITIONS = 2 ** 28;

/** The merges that could be made next: lowest rank first, leftmost among equals. A binary heap. */
export class MergeQueue {
  private readonly heap: number[] = [];

  push(rank: number, position: number): void {
    const { heap } = this;
    const key = rank * POSITIONS + position;
    let child = heap.push(key) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (heap[parent]! <= key) break;
      heap[child] = heap[parent]!;
      child = parent;
    }
    heap[child] = key;
  }

  pop(): { rank: number; position: number } | undefined {
    const { heap } = this;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined) return undefined;
    if (heap.length > 0) this.sink(last);
    return { rank: Math.floor(top / POSITIONS), position: top % POSITIONS };
  }

  /** Places a key from the root down. */
  private sink(key: number): void {
    const { heap } = this;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= key) break;
      heap[parent] = heap[child]!;
      parent = child;
    }
    heap[parent] = key;
  }
}
