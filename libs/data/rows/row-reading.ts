/** What whoever learns from rows can read. */
import type { RowKind } from '#data/rows/row.js';

export interface RowReading {
  readonly kinds: readonly RowKind[];
  /** Part of the name of what is prepared; none for what had a name before there was more than one reading. */
  readonly key?: string;
  /** Most examples in a block of so many tokens; any number unless given. */
  readonly examplesPerBlock?: (blockLength: number) => number;
  /** Whether examples have classes. */
  readonly hasClasses?: boolean;
  /** What is wrong with a row of another kind, and what to do. */
  readonly explainOther: (kind: RowKind) => string;
}
