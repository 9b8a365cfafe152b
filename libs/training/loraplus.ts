/** LoRA+ (arXiv 2402.12354): learning rates of their own for B and for embeddings, in the groups of PEFT's `create_loraplus_optimizer`. */
import { sizeOf } from '#base/shapes.js';
import type { FlatEntry, FlatLayout } from '#nn/flat-state.js';
import type { GroupRate, GroupSegment } from '#training/adamw.js';

type LoraPlusGroup = 'A' | 'embedding' | 'B' | 'B_no_decay';

export interface LoraPlusOptions {
  /** Learning rate of B over that of A. */
  readonly ratio: number;
  /** Peak learning rate of factors on embeddings. */
  readonly embeddingRate: number;
  /** Peak learning rate of A. */
  readonly learningRate: number;
  readonly weightDecay: number;
}

/** PEFT's rule: B and every vector go faster, and biases do not decay. */
function groupOf({ name, shape }: FlatEntry): LoraPlusGroup {
  if (/\.lora_embedding_[AB]$/.test(name)) return 'embedding';
  if (!name.includes('lora_B') && shape.length !== 1) return 'A';
  return name.includes('bias') ? 'B_no_decay' : 'B';
}

/** The groups of a flat vector from its start to its end. */
export function loraPlusSegments({ entries }: FlatLayout): GroupSegment[] {
  const segments: { group: LoraPlusGroup; size: number }[] = [];
  for (const entry of entries) {
    const group = groupOf(entry);
    const last = segments.at(-1);
    if (last?.group === group) last.size += sizeOf(entry.shape);
    else segments.push({ group, size: sizeOf(entry.shape) });
  }
  return segments;
}

/** What each group's learning rate is multiplied by; the schedule is the same for all. */
export function loraPlusRates({
  ratio,
  embeddingRate,
  learningRate,
  weightDecay,
}: LoraPlusOptions): Record<LoraPlusGroup, GroupRate> {
  return {
    A: { factor: 1, weightDecay },
    embedding: { factor: embeddingRate / learningRate, weightDecay },
    B: { factor: ratio, weightDecay },
    B_no_decay: { factor: ratio, weightDecay: 0 },
  };
}
