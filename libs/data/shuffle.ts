/** The order of blocks in an epoch, and a place in the endless sequence of epochs. */
import { mix32 } from '#jit/random.js';

const GOLDEN_RATIO = 0x9e3779b9;

/** 32 random bits as a pure function of a seed, an epoch and an index. */
function bitsAt(seed: number, epoch: number, index: number): number {
  // Seeds above 2^32 keep all of their bits: 53 at most, as two words.
  let hash = mix32(seed >>> 0);
  hash = mix32((hash + Math.imul(Math.floor(seed / 2 ** 32) + 1, GOLDEN_RATIO)) | 0);
  hash = mix32((hash + Math.imul(epoch + 1, GOLDEN_RATIO)) | 0);
  return mix32((hash + Math.imul(index + 1, GOLDEN_RATIO)) | 0);
}

/**
 * The order in which an epoch visits `count` blocks: a permutation of 0 to count - 1 that depends on nothing but its
 * arguments (Fisher-Yates with counter-based random numbers). `seed` is an integer from 0 to 2^53 - 1.
 */
export function epochOrder(seed: number, epoch: number, count: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor((bitsAt(seed, epoch, last) / 2 ** 32) * (last + 1));
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

/** A place in the data: `index` blocks of epoch `epoch` are behind it. Both count from 0. */
export interface DataCursor {
  readonly epoch: number;
  readonly index: number;
}

/** Walks through epoch after epoch from any place; two walks from the same place see the same blocks. */
export class BlockOrder {
  private order: Uint32Array | undefined;
  private orderEpoch = -1;

  /** `count` is the number of blocks, at least 1. A cursor at the end of an epoch means the start of the next. */
  constructor(
    private readonly seed: number,
    private readonly count: number,
    private place: DataCursor = { epoch: 0, index: 0 },
  ) {}

  /** Where the next block comes from: keep it in a checkpoint. */
  get cursor(): DataCursor {
    return this.place;
  }

  /** The next `size` blocks, on into the next epoch where one ends, so that every batch is full. */
  next(size: number): number[] {
    return Array.from({ length: size }, () => this.nextBlock());
  }

  private nextBlock(): number {
    let { epoch, index } = this.place;
    if (index >= this.count) {
      epoch++;
      index = 0;
    }
    if (!this.order || this.orderEpoch !== epoch) {
      this.order = epochOrder(this.seed, epoch, this.count);
      this.orderEpoch = epoch;
    }
    this.place = { epoch, index: index + 1 };
    return this.order[index]!;
  }
}
