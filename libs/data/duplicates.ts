/** Rows that a data set has more than once. */
import { createHash } from 'node:crypto';
import type { Row } from '#data/rows/row.js';
import { promptKey } from '#data/validation-split.js';

/** Counts by digests of 48 bits: some 50 bytes of memory for each row. */
export class DuplicateCounter {
  /** Rows that are the same as one before them. */
  rows = 0;
  /** Rows with the prompt of one before them and another answer. */
  prompts = 0;
  private readonly seenRows = new Set<number>();
  private readonly seenPrompts = new Set<number>();

  add(row: Row): void {
    const prompt = promptKey(row);
    const key = short(row.kind === 'image' ? `${prompt} ${row.label}` : JSON.stringify(row));
    const promptOnly = short(prompt);
    if (this.seenRows.has(key)) this.rows++;
    else if (this.seenPrompts.has(promptOnly)) this.prompts++;
    this.seenRows.add(key);
    this.seenPrompts.add(promptOnly);
  }
}

const short = (text: string) => createHash('sha256').update(text).digest().readUIntBE(0, 6);
