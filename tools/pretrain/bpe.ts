/**
 * Training of a byte-level byte-pair encoding (Sennrich et al. 2016; bytes instead of characters since GPT-2).
 *
 * Merges are chosen as Hugging Face's trainer chooses them, so both give one vocabulary for one text.
 */
import { BYTE_CHARACTERS } from '#data/byte-level.js';

/** How GPT-2 cuts text into words before merging; the `ByteLevel` pre-tokenizer of tokenizer.json has it built in. */
const wordPattern = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

export interface BytePairEncoding {
  /** All tokens in the order of their ids: special tokens, bytes, merges. */
  readonly tokens: readonly string[];
  readonly merges: readonly (readonly [left: string, right: string])[];
}

interface Word {
  ids: number[];
  readonly count: number;
}

/** How often each word of the texts occurs, words in order of first occurrence. */
export function countWords(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [word] of text.matchAll(wordPattern)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

// A pair of ids as one number, for the keys of a map; ids stay far below 2^20.
const pairBase = 2 ** 20;
const pairOf = (left: number, right: number): number => left * pairBase + right;

/** Counts of adjacent pairs, and the words that hold each. */
class PairIndex {
  readonly #counts = new Map<number, number>();
  readonly #holders = new Map<number, Set<Word>>();

  add(word: Word): void {
    this.#change(word, 1);
  }

  remove(word: Word): void {
    this.#change(word, -1);
  }

  holders(pair: number): readonly Word[] {
    return [...(this.#holders.get(pair) ?? [])];
  }

  /** The most frequent pair; of equally frequent ones that with the lowest ids. */
  best(minimumCount: number): number | undefined {
    let best: number | undefined;
    let bestCount = minimumCount - 1;
    for (const [pair, count] of this.#counts) {
      if (count > bestCount || (count === bestCount && best !== undefined && pair < best)) {
        best = pair;
        bestCount = count;
      }
    }
    return best;
  }

  #change(word: Word, sign: 1 | -1): void {
    for (let at = 0; at + 1 < word.ids.length; at += 1) {
      const pair = pairOf(word.ids[at]!, word.ids[at + 1]!);
      const count = (this.#counts.get(pair) ?? 0) + sign * word.count;
      if (count === 0) this.#counts.delete(pair);
      else this.#counts.set(pair, count);
      const holders = this.#holders.get(pair) ?? new Set();
      if (sign > 0) holders.add(word);
      else holders.delete(word);
      this.#holders.set(pair, holders);
    }
  }
}

function mergePair(ids: readonly number[], left: number, right: number, merged: number): number[] {
  const result: number[] = [];
  for (let at = 0; at < ids.length; at += 1) {
    if (ids[at] === left && ids[at + 1] === right) {
      result.push(merged);
      at += 1;
    } else result.push(ids[at]!);
  }
  return result;
}

/**
 * Learns merges from the texts until there are `vocabularySize` tokens, or no pair occurs twice.
 *
 * The special tokens come first and take no part in merging.
 */
export function trainBytePairEncoding(
  texts: Iterable<string>,
  { vocabularySize, specialTokens }: { vocabularySize: number; specialTokens: readonly string[] },
): BytePairEncoding {
  const alphabet = [...BYTE_CHARACTERS].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  const tokens = [...specialTokens, ...alphabet];
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const encoder = new TextEncoder();
  const pairs = new PairIndex();
  for (const [word, count] of countWords(texts)) {
    const ids = Array.from(encoder.encode(word), (byte) => idOf.get(BYTE_CHARACTERS[byte]!)!);
    pairs.add({ ids, count });
  }

  const merges: [string, string][] = [];
  while (tokens.length < vocabularySize) {
    const pair = pairs.best(2);
    if (pair === undefined) break;
    const left = Math.floor(pair / pairBase);
    const right = pair % pairBase;
    const token = tokens[left]! + tokens[right]!;
    // Two pairs can spell one token; both then merge into its one id.
    const merged = idOf.get(token) ?? tokens.push(token) - 1;
    idOf.set(token, merged);
    merges.push([tokens[left]!, tokens[right]!]);
    for (const word of pairs.holders(pair)) {
      pairs.remove(word);
      word.ids = mergePair(word.ids, left, right, merged);
      pairs.add(word);
    }
  }
  return { tokens, merges };
}
