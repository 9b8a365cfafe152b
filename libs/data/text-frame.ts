/** What a tokenizer's post-processor puts around a text and around a pair of texts. */
import { UnsupportedError } from '#base/errors.js';

/** Ids that the tokenizer adds, or the place of one of the texts; with the token type of what stands there. */
export type FramePart =
  | { readonly ids: readonly number[]; readonly type: number }
  | { readonly text: 0 | 1; readonly type: number };

/** The parts around one text and around two, in their order. */
export interface TextFrames {
  readonly single: readonly FramePart[];
  readonly pair: readonly FramePart[];
}

const bare: TextFrames = {
  single: [{ text: 0, type: 0 }],
  pair: [
    { text: 0, type: 0 },
    { text: 1, type: 1 },
  ],
};

type Config = Readonly<Record<string, unknown>>;
type TemplateItem = {
  readonly SpecialToken?: { readonly id: string; readonly type_id?: number };
  readonly Sequence?: { readonly id: string; readonly type_id?: number };
};

/** Reads `post_processor` of tokenizer.json. Throws UnsupportedError for kinds that are not done. */
export function readTextFrames(config: Config | null | undefined): TextFrames {
  switch (config?.['type']) {
    case undefined:
    case 'ByteLevel':
      return bare;
    case 'Sequence':
      return (config['processors'] as Config[]).map(readTextFrames).reduce(nested, bare);
    case 'BertProcessing':
    case 'RobertaProcessing': {
      const [cls, sep] = (['cls', 'sep'] as const).map((name) => [(config[name] as [string, number])[1]]);
      const isBert = config['type'] === 'BertProcessing';
      const second = isBert ? 1 : 0;
      return {
        single: [
          { ids: cls!, type: 0 },
          { text: 0, type: 0 },
          { ids: sep!, type: 0 },
        ],
        pair: [
          { ids: cls!, type: 0 },
          { text: 0, type: 0 },
          { ids: isBert ? sep! : [...sep!, ...sep!], type: 0 },
          { text: 1, type: second },
          { ids: sep!, type: second },
        ],
      };
    }
    case 'TemplateProcessing': {
      const tokens = config['special_tokens'] as Record<string, { ids: number[] }>;
      const parts = (items: readonly TemplateItem[]): FramePart[] =>
        items.map(({ SpecialToken: token, Sequence: sequence }) =>
          sequence
            ? { text: sequence.id === 'B' ? 1 : 0, type: sequence.type_id ?? 0 }
            : { ids: tokens[token!.id]?.ids ?? [], type: token!.type_id ?? 0 },
        );
      const pair = config['pair'] as readonly TemplateItem[] | undefined;
      return { single: parts(config['single'] as TemplateItem[]), pair: pair ? parts(pair) : bare.pair };
    }
    default:
      throw new UnsupportedError(
        `The post-processor '${String(config?.['type'])}' of tokenizer.json is not supported.`,
      );
  }
}

/** A frame around another: what the inner one makes of its texts stands in the place of the outer one's. */
function nested(inner: TextFrames, outer: TextFrames): TextFrames {
  if (outer === bare) return inner;
  if (inner === bare) return outer;
  const around = (texts: readonly FramePart[]) => (part: FramePart) =>
    'text' in part && part.text === 0 ? texts : [part];
  return { single: outer.single.flatMap(around(inner.single)), pair: outer.pair };
}

/** As the Rust library cuts: the shorter text stays whole while the longer one is at least as long. */
function cutTexts(texts: readonly (readonly number[])[], most: number): (readonly number[])[] {
  const [first, second] = texts;
  if (!second) return [first!.slice(0, most)];
  const isSwapped = first!.length > second.length;
  const [short, long] = isSwapped ? [second, first!] : [first!, second];
  if (short.length + long.length <= most) return [...texts];
  const fits = 2 * short.length <= most;
  const shorter = fits ? short.length : Math.floor(most / 2);
  const kept = [short.slice(0, shorter), long.slice(0, most - shorter)];
  return isSwapped ? kept.reverse() : kept;
}

/** A text, or a pair of them, as a classifier reads it. */
export interface FramedText {
  readonly ids: readonly number[];
  /** Token type of each. */
  readonly types: readonly number[];
}

/**
 * Puts the ids of one or two texts into the frame for so many. Beyond `most` tokens the texts lose their ends, the longer
 * one first (transformers' `longest_first`), and the frame stays whole if there is room for it.
 */
export function frameTexts(
  frames: TextFrames,
  first: readonly number[],
  second: readonly number[] | undefined,
  most = Infinity,
): FramedText {
  const frame = second ? frames.pair : frames.single;
  const around = frame.reduce((sum, part) => sum + ('text' in part ? 0 : part.ids.length), 0);
  const texts = cutTexts(second ? [first, second] : [first], Math.max(0, most - around));
  const parts = frame.map((part) => ({
    ids: 'text' in part ? texts[part.text]! : part.ids,
    type: part.type,
  }));
  return {
    ids: parts.flatMap(({ ids }) => [...ids]),
    types: parts.flatMap(({ ids, type }) => ids.map(() => type)),
  };
}
