/** Heads of data sets that were read lately: the next plan on the same data needs no file. */
import { formKey } from '#data/data-form.js';
import { codecKey, type DataHead, type HeadSource, readHead, type RowCodec } from '#training/data-head.js';

/** Tokens that are kept in all; each takes some ten bytes. */
const maxTokens = 4_000_000;

export class DataHeads {
  /** By file and what encodes it, the last used at the end. */
  private readonly kept = new Map<string, { readonly head: DataHead; readonly tokens: number }>();

  find(sha256: string, form: HeadSource['form'], codec: RowCodec): DataHead | undefined {
    const key = keyOf(sha256, form, codec);
    const known = this.kept.get(key);
    if (!known) return undefined;
    this.kept.delete(key);
    this.kept.set(key, known);
    return known.head;
  }

  /** Reads a head and keeps it. Throws as `readHead`. */
  async read(sha256: string, source: HeadSource, codec: RowCodec, signal?: AbortSignal): Promise<DataHead> {
    const head = await readHead(source, codec, { signal });
    const tokens = head.examples.reduce((sum, { ids }) => sum + ids.length, 0);
    this.kept.set(keyOf(sha256, source.form, codec), { head, tokens });
    let total = 0;
    for (const { tokens } of this.kept.values()) total += tokens;
    for (const [key, { tokens }] of this.kept) {
      if (total <= maxTokens) break;
      this.kept.delete(key);
      total -= tokens;
    }
    return head;
  }
}

function keyOf(sha256: string, form: HeadSource['form'], codec: RowCodec): string {
  return `${sha256} ${codecKey(codec)} ${formKey(form) ?? ''}`;
}
