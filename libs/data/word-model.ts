/** What the encoding of one word promises, whichever model does it, and the cache that the models share. */

/** Tokens of a word and the characters (UTF-16 units of the word) that each stands for. */
export interface TokenExtents {
  readonly ids: readonly number[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

export interface WordModel {
  /** The token ids of a word. The caller must not change the array: it may be a cached one. */
  encode(word: string): readonly number[];
  /** The same ids with the characters that each covers; all bytes of a character cover that whole character. */
  extents(word: string): TokenExtents;
}

export const NO_EXTENTS: TokenExtents = { ids: [], starts: [], ends: [] };

const CACHED_WORDS = 65_536;
/** Longer words rarely come back. */
const LONGEST_CACHED_WORD = 128;

/** Ids of the words met so far. Full, it starts over: dropping all of them now and then is cheaper than keeping order. */
export class WordCache {
  private readonly words = new Map<string, readonly number[]>();

  constructor(private readonly encode: (word: string) => readonly number[]) {}

  get(word: string): readonly number[] {
    const known = this.words.get(word);
    if (known) return known;
    const ids = this.encode(word);
    if (word.length <= LONGEST_CACHED_WORD) {
      if (this.words.size >= CACHED_WORDS) this.words.clear();
      this.words.set(word, ids);
    }
    return ids;
  }
}
