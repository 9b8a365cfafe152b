/**
 * Byte-pair encoding of one word, id for id what the Rust tokenizers library yields (its models/bpe/{model,word}.rs).
 *
 * Works on token ids with a cache of words; @huggingface/tokenizers 0.2.0 joins strings and looks a rule up by the
 * JSON text of its pair, which is several times slower.
 */
import { LowrankError } from '#base/errors.js';
import { BYTE_CHARACTERS, spellText } from '#data/byte-level.js';
import { MergeQueue, MergeTable } from '#data/merges.js';
import { NO_EXTENTS, WordCache, type TokenExtents, type WordModel } from '#data/word-model.js';

export interface BytePairOptions {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly merges: readonly (readonly [string, string])[];
  readonly byteLevel: boolean;
  readonly byteFallback: boolean;
  readonly fuseUnknown: boolean;
  readonly ignoreMerges: boolean;
  readonly unknownToken?: string;
  readonly continuingSubwordPrefix?: string;
  readonly endOfWordSuffix?: string;
}

/** The symbols of a word: token ids and the characters (UTF-16 units) that each covers. */
interface Symbols {
  readonly ids: number[];
  readonly starts: number[];
  readonly ends: number[];
}

const encoder = new TextEncoder();

/** Encodes words with byte-pair merges. */
export class BytePairModel implements WordModel {
  private readonly merges: MergeTable;
  private readonly unknownId: number | undefined;
  private readonly byteIds: readonly (number | undefined)[];
  private readonly joints: ReadonlySet<number> | undefined;
  private readonly cache = new WordCache((word) => this.partExtents(word).ids);

  /** Throws LowrankError `tokenizer_invalid` if a merge names a token that the vocabulary lacks. */
  constructor(private readonly options: BytePairOptions) {
    const { vocabulary, byteLevel } = options;
    const prefix = options.continuingSubwordPrefix ?? '';
    const idOf = (token: string): number => {
      const id = vocabulary.get(token);
      if (id !== undefined) return id;
      throw new LowrankError(
        'tokenizer_invalid',
        `tokenizer.json merges into ${JSON.stringify(token)}, which is not in its vocabulary: the file is damaged.`,
      );
    };
    this.merges = new MergeTable(
      options.merges.map(([left, right]) => [
        idOf(left),
        idOf(right),
        idOf(left + right.slice(prefix.length)),
      ]),
    );
    this.unknownId = options.unknownToken === undefined ? undefined : vocabulary.get(options.unknownToken);
    this.byteIds = Array.from({ length: 256 }, (_, byte) =>
      vocabulary.get(byteLevel ? BYTE_CHARACTERS[byte]! : fallbackToken(byte)),
    );
    this.joints = findJoints(options);
  }

  encode(word: string): readonly number[] {
    if (!this.joints) return this.cache.get(word);
    const ids: number[] = [];
    for (const part of this.parts(word)) for (const id of this.cache.get(part)) ids.push(id);
    return ids;
  }

  extents(word: string): TokenExtents {
    const { ids, starts, ends } = { ids: [] as number[], starts: [] as number[], ends: [] as number[] };
    let offset = 0;
    for (const part of this.joints ? this.parts(word) : [word]) {
      const found = this.partExtents(part);
      for (const id of found.ids) ids.push(id);
      for (const start of found.starts) starts.push(offset + start);
      for (const end of found.ends) ends.push(offset + end);
      offset += part.length;
    }
    return { ids, starts, ends };
  }

  /**
   * Cuts a word between characters that stand side by side in no token: no merge reaches across such a place, so
   * the ids are the same. A Metaspace tokenizer without pre-tokenizer makes a whole document one word; this makes
   * it short ones again, for the cache and for memory.
   */
  private *parts(word: string): Generator<string> {
    let start = 0;
    let previous = -1;
    let offset = 0;
    for (const character of word) {
      const code = character.codePointAt(0)!;
      const mayCut = previous >= 0 && !this.joints!.has(jointOf(previous, code));
      if (mayCut && this.isKnown(previous) && this.isKnown(code)) {
        yield word.slice(start, offset);
        start = offset;
      }
      previous = code;
      offset += character.length;
    }
    if (start < word.length) yield word.slice(start);
  }

  /** Characters outside the vocabulary fuse with their neighbours, so a cut next to one could show. */
  private isKnown(code: number): boolean {
    return this.options.vocabulary.has(String.fromCodePoint(code));
  }

  private partExtents(word: string): TokenExtents {
    if (word === '') return NO_EXTENTS;
    const { ignoreMerges, byteLevel, vocabulary } = this.options;
    if (ignoreMerges) {
      const whole = vocabulary.get(byteLevel ? spellText(word) : word);
      if (whole !== undefined) return { ids: [whole], starts: [0], ends: [word.length] };
    }
    return this.merge(byteLevel ? this.byteSymbols(word) : this.characterSymbols(word));
  }

  /** One symbol per UTF-8 byte; each covers the whole character that it belongs to. */
  private byteSymbols(word: string): Symbols {
    const symbols: Symbols = { ids: [], starts: [], ends: [] };
    let start = 0;
    for (const character of word) {
      const end = start + character.length;
      const code = character.charCodeAt(0);
      for (const byte of code < 0x80 ? [code] : encoder.encode(character)) {
        const id = this.byteIds[byte] ?? this.unknownId;
        if (id !== undefined) add(symbols, id, start, end);
      }
      start = end;
    }
    return symbols;
  }

  private characterSymbols(word: string): Symbols {
    const { vocabulary, byteFallback, fuseUnknown, continuingSubwordPrefix, endOfWordSuffix } = this.options;
    const symbols: Symbols = { ids: [], starts: [], ends: [] };
    let unknown: { start: number; end: number } | undefined;
    const flush = (): void => {
      if (unknown && this.unknownId !== undefined) add(symbols, this.unknownId, unknown.start, unknown.end);
      unknown = undefined;
    };
    let start = 0;
    for (const character of word) {
      const end = start + character.length;
      let text = character;
      if (start > 0 && continuingSubwordPrefix) text = continuingSubwordPrefix + text;
      if (end === word.length && endOfWordSuffix) text += endOfWordSuffix;
      const id = vocabulary.get(text);
      const bytes = id === undefined && byteFallback ? encoder.encode(text) : [];
      const byteIds = Array.from(bytes, (byte) => this.byteIds[byte]);
      if (id !== undefined) {
        flush();
        add(symbols, id, start, end);
      } else if (byteIds.length > 0 && byteIds.every((byteId) => byteId !== undefined)) {
        // A pending unknown token is not flushed here: the reference, too, places it after the bytes.
        for (const byteId of byteIds) add(symbols, byteId, start, end);
      } else {
        if (!fuseUnknown) flush();
        unknown = { start: unknown?.start ?? start, end };
      }
      start = end;
    }
    flush();
    return symbols;
  }

  private merge({ ids, starts, ends }: Symbols): TokenExtents {
    const count = ids.length;
    const previous = Int32Array.from(ids, (_, position) => position - 1);
    const next = Int32Array.from(ids, (_, position) => position + 1);
    const isGone = new Uint8Array(count);
    const queue = new MergeQueue();
    const offer = (position: number): void => {
      const rank = this.merges.rankOf(ids[position]!, ids[next[position]!]!);
      if (rank >= 0) queue.push(rank, position);
    };
    for (let position = 0; position + 1 < count; position++) offer(position);

    for (let entry = queue.pop(); entry; entry = queue.pop()) {
      const { position } = entry;
      const right = next[position]!;
      if (isGone[position] || right >= count) continue;
      // An entry is stale once the pair at its place would become something else.
      const rank = this.merges.rankOf(ids[position]!, ids[right]!);
      const joined = this.merges.joinedBy(entry.rank);
      if (rank < 0 || this.merges.joinedBy(rank) !== joined) continue;
      ids[position] = joined;
      starts[position] = Math.min(starts[position]!, starts[right]!);
      ends[position] = Math.max(ends[position]!, ends[right]!);
      isGone[right] = 1;
      const after = next[right]!;
      next[position] = after;
      if (after < count) {
        previous[after] = position;
        offer(position);
      }
      if (previous[position]! >= 0) offer(previous[position]!);
    }
    const isLeft = (_: number, position: number): boolean => isGone[position] === 0;
    return { ids: ids.filter(isLeft), starts: starts.filter(isLeft), ends: ends.filter(isLeft) };
  }
}

function add(symbols: Symbols, id: number, start: number, end: number): void {
  symbols.ids.push(id);
  symbols.starts.push(start);
  symbols.ends.push(end);
}

function fallbackToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

function jointOf(left: number, right: number): number {
  return left * 0x110000 + right;
}

/** Pairs of characters that stand side by side in some token; undefined where words must not be cut by them. */
function findJoints(options: BytePairOptions): ReadonlySet<number> | undefined {
  const bindsWords =
    options.byteLevel ||
    options.ignoreMerges ||
    Boolean(options.continuingSubwordPrefix) ||
    Boolean(options.endOfWordSuffix) ||
    // Merged fallback bytes join characters that stand side by side in no token.
    options.merges.some((pair) => pair.some((token) => /^<0x[0-9A-F]{2}>$/.test(token)));
  if (bindsWords) return undefined;
  const joints = new Set<number>();
  for (const token of options.vocabulary.keys()) {
    let previous = -1;
    for (const character of token) {
      const code = character.codePointAt(0)!;
      if (previous >= 0) joints.add(jointOf(previous, code));
      previous = code;
    }
  }
  return joints;
}
