/** WordPiece: the longest entry of the vocabulary that fits, again and again (BERT). Reference: models/wordpiece/mod.rs. */
import { NO_EXTENTS, WordCache, type TokenExtents, type WordModel } from '#data/word-model.js';

export interface WordPieceOptions {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly unknownId: number;
  readonly continuingSubwordPrefix: string;
  readonly maxInputCharsPerWord: number;
}

/** Encodes words with WordPiece; a word that does not come out whole is one unknown token. */
export class WordPieceModel implements WordModel {
  private readonly cache = new WordCache((word) => this.extents(word).ids);

  constructor(private readonly options: WordPieceOptions) {}

  encode(word: string): readonly number[] {
    return this.cache.get(word);
  }

  extents(word: string): TokenExtents {
    const { vocabulary, unknownId, continuingSubwordPrefix, maxInputCharsPerWord } = this.options;
    if (word === '') return NO_EXTENTS;
    const unknown = { ids: [unknownId], starts: [0], ends: [word.length] };
    const characters = Array.from(word);
    if (characters.length > maxInputCharsPerWord) return unknown;
    const ids: number[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    for (let start = 0; start < word.length; start = ends.at(-1)!) {
      const prefix = start > 0 ? continuingSubwordPrefix : '';
      let end = word.length;
      let id = vocabulary.get(prefix + word.slice(start, end));
      while (id === undefined && end > start) {
        end -= isLowSurrogate(word.charCodeAt(end - 1)) ? 2 : 1;
        id = end > start ? vocabulary.get(prefix + word.slice(start, end)) : undefined;
      }
      if (id === undefined) return unknown;
      ids.push(id);
      starts.push(start);
      ends.push(end);
    }
    return { ids, starts, ends };
  }
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
