/** Text to token ids and back: the stages of tokenizer.json in the order of the Rust tokenizers library. */
import { AddedTokenSplitter, type AddedToken, type Section } from '#data/added-tokens.js';
import type { Normalizer } from '#data/normalizer.js';
import type { PreTokenizer } from '#data/pre-tokenizer.js';
import { type FramedText, frameTexts, type TextFrames } from '#data/text-frame.js';
import type { TokenBytes } from '#data/token-bytes.js';
import type { TokenDecoder } from '#data/token-decoder.js';
import type { WordModel } from '#data/word-model.js';

const encoder = new TextEncoder();

/** A special token: the text that stands for it in templates, and its id. */
export interface SpecialToken {
  readonly text: string;
  readonly id: number;
}

/** The special tokens that have a role; one that the model lacks is undefined. */
export interface SpecialTokens {
  readonly bos?: SpecialToken;
  readonly eos?: SpecialToken;
  readonly pad?: SpecialToken;
  readonly unk?: SpecialToken;
}

/** A stretch of text in UTF-16 units, `end` exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What a tokenizer is made of; `loadTokenizer` reads it from a model's folder. */
export interface TokenizerParts {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly addedTokens: readonly AddedToken[];
  readonly normalizer?: Normalizer;
  readonly preTokenizer: PreTokenizer;
  readonly model: WordModel;
  readonly decoder: TokenDecoder;
  readonly tokenBytes: TokenBytes;
  /** Ids that the tokenizer itself puts around a text: `<s>` in front, say. */
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
  /** What it puts around a text and around a pair of texts, token types included. */
  readonly frames: TextFrames;
  readonly special: SpecialTokens;
  /** Every special token of the configuration under its name there: `bos_token`, `additional_special_tokens`, ... */
  readonly templateVariables: Readonly<Record<string, string | readonly string[]>>;
  readonly stopIds: readonly number[];
  readonly digest: string;
}

/** Encodes and decodes text. Pure: no files, no state but a cache of words. */
export class Tokenizer {
  readonly special: SpecialTokens;
  /** Ids after which generation ends: the eos token and the `eos_token_id`s of the model's configuration. */
  readonly stopIds: readonly number[];
  /** What a chat template sees beside the messages: `bos_token`, `eos_token` and the like. */
  readonly templateVariables: Readonly<Record<string, string | readonly string[]>>;
  /** Ids put in front of a text when special tokens are wanted. */
  readonly prefix: readonly number[];
  /** Ids put behind a text when special tokens are wanted. */
  readonly suffix: readonly number[];
  /** One more than the highest id: the rows that an embedding needs. */
  readonly vocabularySize: number;
  /** SHA-256 over the files that determine the ids, in hexadecimal. */
  readonly digest: string;

  private readonly tokens: (string | undefined)[] = [];
  private readonly specialIds = new Set<number>();
  private readonly addedIds: ReadonlySet<number>;
  private readonly rawSplitter: AddedTokenSplitter;
  private readonly normalizedSplitter: AddedTokenSplitter;

  constructor(private readonly parts: TokenizerParts) {
    this.special = parts.special;
    this.stopIds = parts.stopIds;
    this.templateVariables = parts.templateVariables;
    this.prefix = parts.prefix;
    this.suffix = parts.suffix;
    this.digest = parts.digest;
    this.addedIds = new Set(parts.addedTokens.map(({ id }) => id));
    let highest = -1;
    const name = (id: number, token: string): void => {
      this.tokens[id] = token;
      highest = Math.max(highest, id);
    };
    for (const [token, id] of parts.vocabulary) name(id, token);
    for (const token of parts.addedTokens) {
      name(token.id, token.content);
      if (token.special) this.specialIds.add(token.id);
    }
    this.vocabularySize = highest + 1;
    const raw = parts.addedTokens.filter((token) => !token.normalized);
    const normalized = parts.addedTokens.filter((token) => token.normalized);
    this.rawSplitter = new AddedTokenSplitter(raw);
    this.normalizedSplitter = new AddedTokenSplitter(normalized, parts.normalizer);
  }

  /**
   * Token ids of a text. Added tokens written out in the text (`<|im_end|>`) become their ids.
   * With `addSpecialTokens` (the default) the ids that the tokenizer puts around a text are there too.
   */
  encode(text: string, { addSpecialTokens = true }: { addSpecialTokens?: boolean } = {}): number[] {
    const ids: number[] = addSpecialTokens ? [...this.prefix] : [];
    for (const piece of this.pieces(text)) {
      if (piece.id !== undefined) ids.push(piece.id);
      else for (const word of piece.words) for (const id of this.parts.model.encode(word)) ids.push(id);
    }
    if (addSpecialTokens) for (const id of this.suffix) ids.push(id);
    return ids;
  }

  /**
   * Token ids of a text that is to be gone on with: the ids that the tokenizer puts in front, unless the text brings them
   * itself, and none behind, which would end it.
   */
  encodePrompt(text: string): number[] {
    const ids = this.encode(text, { addSpecialTokens: false });
    return this.beginsWithPrefix(ids) ? ids : [...this.prefix, ...ids];
  }

  /** One text, or two as a pair, as a classifier reads them; at most so many tokens, if that is said. */
  encodeFramed(text: string, second?: string, most = Infinity): FramedText {
    const ids = (text: string) => this.encode(text, { addSpecialTokens: false });
    return frameTexts(this.parts.frames, ids(text), second === undefined ? undefined : ids(second), most);
  }

  /** Whether ids begin with those that the tokenizer puts in front of a text. */
  beginsWithPrefix(ids: readonly number[]): boolean {
    return this.prefix.every((id, index) => ids[index] === id);
  }

  /** How many tokens at the beginning say again that a text begins: where both a template and its first message do. */
  countRepeatedBeginnings(ids: readonly number[]): number {
    const bos = this.special.bos?.id;
    const first = ids.findIndex((id) => id !== bos);
    return Math.max(0, (first < 0 ? ids.length : first) - 1);
  }

  /**
   * Token ids of a text without special tokens around it, and for each token whether it stands for any character of
   * a span. Spans are in ascending order and do not overlap. A token that reaches over the edge of a span is in it.
   */
  encodeSpans(text: string, spans: readonly Span[]): { ids: number[]; isInSpan: Uint8Array } {
    const ids: number[] = [];
    const marks: number[] = [];
    const push = (id: number, isIn: boolean): void => {
      ids.push(id);
      marks.push(isIn ? 1 : 0);
    };
    for (const piece of this.pieces(text)) {
      const local = this.localSpans(text, spans, piece);
      if (piece.id !== undefined) {
        push(piece.id, overlaps(local, 0, piece.text.length));
        continue;
      }
      for (const { word, start } of locate(piece.words, piece.text)) {
        // A prefix that the tokenizer put in front counts as part of the first character.
        const isMarked = (from: number, to: number): boolean =>
          overlaps(local, Math.max(0, start + from), Math.max(1, start + to));
        const isInside = local.some((span) => span.start <= start && span.end >= start + word.length);
        if (isInside || !isMarked(0, word.length)) {
          for (const id of this.parts.model.encode(word)) push(id, isInside);
        } else {
          const found = this.parts.model.extents(word);
          for (const [i, id] of found.ids.entries()) push(id, isMarked(found.starts[i]!, found.ends[i]!));
        }
      }
    }
    return { ids, isInSpan: Uint8Array.from(marks) };
  }

  /** The text of token ids; ids outside the vocabulary are left out, and so are special tokens if asked. */
  decode(
    ids: readonly number[],
    { skipSpecialTokens = false }: { skipSpecialTokens?: boolean } = {},
  ): string {
    const tokens: string[] = [];
    for (const id of ids) {
      const token = this.tokens[id];
      if (token !== undefined && !(skipSpecialTokens && this.specialIds.has(id))) tokens.push(token);
    }
    return this.parts.decoder(tokens).join('');
  }

  /**
   * The bytes that a token adds in the middle of a text, of a special token its own text; undefined for ids outside the
   * vocabulary.
   */
  bytesOf(id: number): Uint8Array | undefined {
    const token = this.tokens[id];
    if (token === undefined) return undefined;
    return this.addedIds.has(id) ? encoder.encode(token) : this.parts.tokenBytes(token);
  }

  /** Whether an id is a special token, one that `skipSpecialTokens` leaves out. */
  isSpecial(id: number): boolean {
    return this.specialIds.has(id);
  }

  /** Whether a text is a token that ends generation. */
  isStop(text: string): boolean {
    const [token, ...more] = this.rawSplitter.split(text);
    return more.length === 0 && token?.id !== undefined && this.stopIds.includes(token.id);
  }

  /** Where special tokens, and tokens that end generation, are written out in a text. */
  specialTokenSpans(text: string): Span[] {
    return this.rawSplitter
      .split(text)
      .filter(({ id }) => id !== undefined && (this.isSpecial(id) || this.stopIds.includes(id)))
      .map(({ start, end }) => ({ start, end }));
  }

  /** Added tokens and stretches of words, in the order of the text. */
  private *pieces(text: string): Generator<Piece> {
    const { normalizer, preTokenizer } = this.parts;
    for (const section of this.rawSplitter.split(text)) {
      const raw = text.slice(section.start, section.end);
      if (section.id !== undefined) {
        yield { section, place: 0, text: raw, id: section.id, words: [] };
        continue;
      }
      const normalized = normalizer ? normalizer(raw) : raw;
      for (const { start, end, id } of this.normalizedSplitter.split(normalized)) {
        const stretch = normalized.slice(start, end);
        const isFirst = section.start === 0 && start === 0;
        const words = id === undefined ? preTokenizer.split(stretch, isFirst) : [];
        yield { section, place: start, text: stretch, id, words };
      }
    }
  }

  /**
   * Spans of the whole text as spans of a piece. A normalizer tells no offsets, but the length of what it makes of
   * the text before a place is where that place moves to.
   */
  private localSpans(text: string, spans: readonly Span[], { section, place }: Piece): Span[] {
    const normalizer = section.id === undefined ? this.parts.normalizer : undefined;
    const move = (offset: number): number => {
      if (offset <= section.start) return -place;
      const before = text.slice(section.start, Math.min(offset, section.end));
      return (normalizer ? normalizer(before).length : before.length) - place;
    };
    return spans
      .filter((span) => span.end > section.start && span.start < section.end)
      .map((span) => ({ start: move(span.start), end: move(span.end) }));
  }
}

/** A stretch of text that is an added token (`id`) or words to encode. */
interface Piece {
  /** Where it comes from in the text. */
  readonly section: Section;
  /** Its offset in the normalized text of that section. */
  readonly place: number;
  readonly text: string;
  readonly id: number | undefined;
  readonly words: readonly string[];
}

function overlaps(spans: readonly Span[], start: number, end: number): boolean {
  return spans.some((span) => span.start < end && span.end > start);
}

/** Where the words lie in the section that they were cut from. A prefix that a pre-tokenizer put in front lies at -1. */
function locate(words: readonly string[], section: string): { word: string; start: number }[] {
  let length = 0;
  for (const word of words) length += word.length;
  let place = Math.min(0, section.length - length);
  // Where white space was dropped, each word still stands in the section as it is.
  const hasGaps = length < section.length;
  return words.map((word) => {
    if (hasGaps) place = Math.max(place, section.indexOf(word, place));
    const start = place;
    place += word.length;
    return { word, start };
  });
}
