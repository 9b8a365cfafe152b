/**
 * The `pre_tokenizer` of tokenizer.json: cuts a section of text into words, which the model then encodes one by one.
 *
 * Written here rather than taken from @huggingface/tokenizers 0.2.0 because that library differs from the reference
 * (the Rust library that models were trained with) in what `Digits` and `\s` mean, in Metaspace's `split` and in
 * three of the five split behaviours.
 */
import { UnsupportedError } from '#base/errors.js';
import type { StageConfig } from '#data/normalizer.js';
import { compilePattern, type Pattern } from '#data/regex.js';

/** Cuts a section into words; `isFirst` says that the section starts the whole text. */
export type Splitter = (section: string, isFirst: boolean) => string[];

export interface PreTokenizer {
  readonly split: Splitter;
  /** The model sees the UTF-8 bytes of a word, each written as one printable character. */
  readonly byteLevel: boolean;
}

/** GPT-2's split, with Unicode's white space: JavaScript's `\s` has U+FEFF and lacks U+0085. */
const GPT2_WORDS =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
const PUNCTUATION = /[\p{P}$+<=>^`|~]/gu;
const WORD_CHARACTER = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}`;

/** Builds the pre-tokenizer. Throws UnsupportedError naming a type it does not know. */
export function createPreTokenizer(config: StageConfig | null | undefined): PreTokenizer {
  if (!config) return { split: (section) => [section], byteLevel: false };
  switch (config.type) {
    case 'Sequence': {
      const stages = (config.pretokenizers as StageConfig[]).map(createPreTokenizer);
      if (stages.slice(0, -1).some((stage) => stage.byteLevel)) {
        throw new UnsupportedError('A ByteLevel pre-tokenizer is supported only as the last of a sequence.');
      }
      return {
        split: (section, isFirst) =>
          stages.reduce(
            (words, stage) => words.flatMap((word, index) => stage.split(word, isFirst && index === 0)),
            [section],
          ),
        byteLevel: stages.at(-1)?.byteLevel ?? false,
      };
    }
    case 'ByteLevel': {
      const prefix = config.add_prefix_space !== false;
      const useRegex = config.use_regex !== false;
      return {
        byteLevel: true,
        split: (section) => {
          const text = prefix && !section.startsWith(' ') ? ` ${section}` : section;
          return useRegex ? (text.match(GPT2_WORDS) ?? []) : [text];
        },
      };
    }
    case 'Metaspace':
      return { byteLevel: false, split: createMetaspace(config) };
    case 'Split': {
      const pattern = compilePattern(config.pattern as Pattern);
      return plain(pattern, config.behavior as Behavior, config.invert === true);
    }
    case 'Digits':
      return plain(/\p{N}/gu, config.individual_digits === true ? 'Isolated' : 'Contiguous');
    case 'Punctuation':
      return plain(PUNCTUATION, (config.behavior as Behavior | undefined) ?? 'Isolated');
    case 'WhitespaceSplit':
      return plain(/\p{White_Space}/gu, 'Removed');
    case 'Whitespace':
      return plain(
        new RegExp(`[${WORD_CHARACTER}]+|[^${WORD_CHARACTER}\\p{White_Space}]+`, 'gu'),
        'Removed',
        true,
      );
    case 'BertPreTokenizer': {
      const words = plain(/\p{White_Space}/gu, 'Removed');
      const marks = plain(PUNCTUATION, 'Isolated');
      return {
        byteLevel: false,
        split: (section, isFirst) =>
          words.split(section, isFirst).flatMap((word) => marks.split(word, isFirst)),
      };
    }
    default:
      throw new UnsupportedError(`The pre-tokenizer '${config.type}' of tokenizer.json is not supported.`, {
        preTokenizer: config.type,
      });
  }
}

function createMetaspace(config: StageConfig): Splitter {
  const replacement = (config.replacement as string | undefined) ?? '▁';
  // Files older than `prepend_scheme` say add_prefix_space instead.
  const scheme =
    (config.prepend_scheme as string | undefined) ?? (config.add_prefix_space === false ? 'never' : 'always');
  const words = plain(compilePattern({ String: replacement }), 'MergedWithNext');
  return (section, isFirst) => {
    let text = section.replaceAll(' ', replacement);
    const wantsPrefix = scheme === 'always' || (scheme === 'first' && isFirst);
    if (wantsPrefix && !text.startsWith(replacement)) text = replacement + text;
    return config.split === false ? [text] : words.split(text, isFirst);
  };
}

type Behavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous';

/** A stretch of the section; `isMatch` tells delimiters from what lies between them. */
interface Piece {
  text: string;
  readonly isMatch: boolean;
}

function plain(pattern: RegExp, behavior: Behavior, invert = false): PreTokenizer {
  const arrange = ARRANGEMENTS[behavior];
  if (!arrange) throw new UnsupportedError(`The split behaviour '${behavior}' is not supported.`);
  return {
    byteLevel: false,
    split: (section) => arrange(cut(section, pattern, invert)).filter((word) => word !== ''),
  };
}

function cut(section: string, pattern: RegExp, invert: boolean): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of section.matchAll(pattern)) {
    if (match.index > end) pieces.push({ text: section.slice(end, match.index), isMatch: invert });
    pieces.push({ text: match[0], isMatch: !invert });
    end = match.index + match[0].length;
  }
  if (end < section.length) pieces.push({ text: section.slice(end), isMatch: invert });
  return pieces;
}

const ARRANGEMENTS: Record<Behavior, (pieces: Piece[]) => string[]> = {
  Isolated: (pieces) => pieces.map((piece) => piece.text),
  Removed: (pieces) => pieces.filter((piece) => !piece.isMatch).map((piece) => piece.text),
  Contiguous: (pieces) => {
    const runs: Piece[] = [];
    for (const piece of pieces) {
      const last = runs.at(-1);
      if (last && last.isMatch === piece.isMatch) last.text += piece.text;
      else runs.push({ ...piece });
    }
    return runs.map((run) => run.text);
  },
  MergedWithPrevious: (pieces) => {
    const words: string[] = [];
    let previousIsMatch = false;
    for (const { text, isMatch } of pieces) {
      if (isMatch && !previousIsMatch && words.length > 0) words[words.length - 1] += text;
      else words.push(text);
      previousIsMatch = isMatch;
    }
    return words;
  },
  MergedWithNext: (pieces) => {
    const words: string[] = [];
    let nextIsMatch = false;
    for (const { text, isMatch } of pieces.toReversed()) {
      if (isMatch && !nextIsMatch && words.length > 0) words[words.length - 1] = text + words.at(-1);
      else words.push(text);
      nextIsMatch = isMatch;
    }
    return words.reverse();
  },
};
