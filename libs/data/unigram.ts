/**
 * Unigram: of all ways to cut a word into entries of the vocabulary, the one with the highest sum of scores.
 * Reference: models/unigram/model.rs, `encode_optimized` and `tokenize`.
 */
import { LowrankError } from '#base/errors.js';
import { NO_EXTENTS, WordCache, type TokenExtents, type WordModel } from '#data/word-model.js';

export interface UnigramOptions {
  /** [token, log probability]; the index is the id. */
  readonly pieces: readonly (readonly [string, number])[];
  readonly unknownId?: number;
  readonly byteFallback: boolean;
}

interface TrieNode {
  readonly next: Map<string, TrieNode>;
  id?: number;
}

/** The best way to reach the end of a prefix of the word. */
interface Step {
  readonly score: number;
  readonly start: number;
  readonly id: number | undefined;
}

/** What an unknown character costs below the worst entry (K_UNK_PENALTY of the reference). */
const UNKNOWN_PENALTY = 10;
const encoder = new TextEncoder();

/** Encodes words with a unigram language model. */
export class UnigramModel implements WordModel {
  private readonly root: TrieNode = { next: new Map() };
  private readonly idOf = new Map<string, number>();
  private readonly unknownScore: number;
  private readonly cache = new WordCache((word) => this.extents(word).ids);

  constructor(private readonly options: UnigramOptions) {
    let lowest = Infinity;
    for (const [id, [piece, score]] of options.pieces.entries()) {
      lowest = Math.min(lowest, score);
      this.idOf.set(piece, id);
      let node = this.root;
      for (const character of piece) {
        let child = node.next.get(character);
        if (!child) node.next.set(character, (child = { next: new Map() }));
        node = child;
      }
      node.id = id;
    }
    this.unknownScore = lowest - UNKNOWN_PENALTY;
  }

  encode(word: string): readonly number[] {
    return this.cache.get(word);
  }

  extents(word: string): TokenExtents {
    if (word === '') return NO_EXTENTS;
    const ids: number[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    const offsets = offsetsOf(word);
    for (const { start, end } of this.bestCuts(Array.from(word))) {
      const text = word.slice(offsets[start], offsets[end]);
      for (const id of this.idsOfPiece(text)) {
        ids.push(id);
        starts.push(offsets[start]!);
        ends.push(offsets[end]!);
      }
    }
    return { ids, starts, ends };
  }

  private idsOfPiece(piece: string): number[] {
    const id = this.idOf.get(piece);
    if (id !== undefined) return [id];
    if (this.options.byteFallback) {
      const bytes = Array.from(encoder.encode(piece), (byte) =>
        this.idOf.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
      );
      if (bytes.every((byteId) => byteId !== undefined)) return bytes;
    }
    if (this.options.unknownId !== undefined) return [this.options.unknownId];
    throw new LowrankError(
      'tokenizer_invalid',
      `The Unigram vocabulary has neither ${JSON.stringify(piece)} nor an unknown token (unk_id).`,
    );
  }

  /** The pieces of the best path, with runs of unknown characters fused, in character offsets. */
  private bestCuts(characters: readonly string[]): { start: number; end: number }[] {
    const steps = this.bestSteps(characters);
    const cuts: { start: number; end: number }[] = [];
    let wasUnknown = false;
    for (let end = characters.length; end > 0;) {
      const { start, id } = steps[end]!;
      const isUnknown = id !== undefined && id === this.options.unknownId;
      const last = cuts.at(-1);
      if (isUnknown && wasUnknown && last) last.start = start;
      else cuts.push({ start, end });
      wasUnknown = isUnknown;
      end = start;
    }
    return cuts.reverse();
  }

  private bestSteps(characters: readonly string[]): readonly (Step | undefined)[] {
    const steps = Array.from<Step | undefined>({ length: characters.length + 1 });
    steps[0] = { score: 0, start: 0, id: undefined };
    const offer = (start: number, end: number, score: number, id: number | undefined): void => {
      const total = (steps[start]?.score ?? 0) + score;
      const known = steps[end];
      if (!known || total > known.score) steps[end] = { score: total, start, id };
    };
    for (let start = 0; start < characters.length; start++) {
      let node: TrieNode | undefined = this.root;
      let hasSingle = false;
      for (let end = start; end < characters.length; end++) {
        node = node.next.get(characters[end]!);
        if (!node) break;
        if (node.id === undefined) continue;
        offer(start, end + 1, this.options.pieces[node.id]![1], node.id);
        if (end === start) hasSingle = true;
      }
      if (!hasSingle) offer(start, start + 1, this.unknownScore, this.options.unknownId);
    }
    return steps;
  }
}

/** The UTF-16 offset of each character, and of the end. */
function offsetsOf(word: string): number[] {
  const offsets = [0];
  for (const character of word) offsets.push(offsets.at(-1)! + character.length);
  return offsets;
}
