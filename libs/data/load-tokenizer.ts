/** From a model's folder to a Tokenizer: reads the files as Hugging Face names them. */
import * as z from 'zod';
import { LowrankError, UnsupportedError } from '#base/errors.js';
import type { AddedToken } from '#data/added-tokens.js';
import { BytePairModel } from '#data/byte-pair.js';
import { createNormalizer, type StageConfig } from '#data/normalizer.js';
import { createPreTokenizer } from '#data/pre-tokenizer.js';
import { readTextFrames } from '#data/text-frame.js';
import { createTokenBytes } from '#data/token-bytes.js';
import { createTokenDecoder } from '#data/token-decoder.js';
import { readTokenizerFiles } from '#data/tokenizer-files.js';
import { Tokenizer, type SpecialToken } from '#data/tokenizer.js';
import { UnigramModel } from '#data/unigram.js';
import { WordPieceModel } from '#data/word-piece.js';
import type { WordModel } from '#data/word-model.js';

/** Ids beyond this are a mistake: no machine holds such an embedding. */
const HIGHEST_ID = 2 ** 24;

const tokenId = z.int().nonnegative().max(HIGHEST_ID);
const stage = z.looseObject({ type: z.string() }).nullish();
const tokenText = z.union([z.string(), z.looseObject({ content: z.string() })]);
const tokenFlags = z.object({
  content: z.string(),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().optional(),
  special: z.boolean().default(false),
});

/** `truncation` and `padding` of the file are not read: they belong to one caller's batches, not to the tokenizer. */
const tokenizerFile = z.object({
  added_tokens: z.array(tokenFlags.extend({ id: tokenId })).default([]),
  normalizer: stage,
  pre_tokenizer: stage,
  post_processor: stage,
  decoder: stage,
  model: z.looseObject({ type: z.string().optional() }),
});

const tokenizerConfigFile = z.looseObject({
  added_tokens_decoder: z.record(z.string(), tokenFlags).optional(),
});

/** Some tools write -1 for a token that a model does not have. */
const idOrNone = z.int().min(-1).max(HIGHEST_ID);

/** `eos_token_id` and its kin, in config.json and generation_config.json. */
const modelConfigFile = z.looseObject({
  eos_token_id: z.union([idOrNone, z.array(idOrNone)]).nullish(),
});

const SPECIAL_NAMES = ['bos', 'eos', 'unk', 'pad', 'sep', 'cls', 'mask'] as const;

/**
 * Loads tokenizer.json and tokenizer_config.json (with special_tokens_map.json, generation_config.json and
 * config.json for the special tokens, where they are there) from a model's folder.
 *
 * Throws LowrankError `tokenizer_missing` (no tokenizer.json) or `tokenizer_invalid` (a file that is not what it
 * should be), and UnsupportedError naming a model, normalizer, pre-tokenizer, decoder or pattern that is not done.
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const files = await readTokenizerFiles(folder);
  const file = files.parse('tokenizer.json', tokenizerFile)!;
  const config = files.parse('tokenizer_config.json', tokenizerConfigFile) ?? {};
  const map = files.parse('special_tokens_map.json', z.looseObject({})) ?? {};
  const stopIds = ['generation_config.json', 'config.json']
    .flatMap((name) => files.parse(name, modelConfigFile)?.eos_token_id ?? [])
    .filter((id) => id >= 0);

  try {
    return build({ file, config, map, stopIds, digest: files.digest(stopIds) });
  } catch (error) {
    if (error instanceof LowrankError) throw error;
    // Options of a stage are read as that stage has them: what is not so shows here.
    throw new LowrankError('tokenizer_invalid', `tokenizer.json of ${folder} is damaged: ${String(error)}`, {
      cause: error,
      details: { folder, file: 'tokenizer.json' },
    });
  }
}

interface Sources {
  readonly file: z.infer<typeof tokenizerFile>;
  readonly config: z.infer<typeof tokenizerConfigFile>;
  readonly map: Readonly<Record<string, unknown>>;
  readonly stopIds: readonly number[];
  readonly digest: string;
}

function build({ file, config, map, stopIds, digest }: Sources): Tokenizer {
  const preTokenizer = createPreTokenizer(file.pre_tokenizer);
  const { model, vocabulary } = createModel(file.model, preTokenizer.byteLevel);
  const templateVariables = readTemplateVariables(map, config);
  const addedTokens = collectAddedTokens(file.added_tokens, config, vocabulary, templateVariables);
  const ids = new Map(vocabulary);
  for (const token of addedTokens) if (!ids.has(token.content)) ids.set(token.content, token.id);
  const special = (name: string): SpecialToken | undefined => {
    const text = templateVariables[`${name}_token`];
    const id = typeof text === 'string' ? ids.get(text) : undefined;
    return typeof text === 'string' && id !== undefined ? { text, id } : undefined;
  };
  const eos = special('eos');
  const { prefix, suffix } = readFrame(file.post_processor);
  return new Tokenizer({
    vocabulary,
    addedTokens,
    normalizer: createNormalizer(file.normalizer),
    preTokenizer,
    model,
    decoder: createTokenDecoder(file.decoder),
    tokenBytes: createTokenBytes(file.decoder),
    prefix,
    suffix,
    frames: readTextFrames(file.post_processor),
    special: { bos: special('bos'), eos, pad: special('pad'), unk: special('unk') },
    templateVariables,
    stopIds: [...new Set([...(eos ? [eos.id] : []), ...stopIds])],
    digest,
  });
}

type ModelConfig = z.infer<typeof tokenizerFile>['model'];

function createModel(
  config: ModelConfig,
  byteLevel: boolean,
): { model: WordModel; vocabulary: ReadonlyMap<string, number> } {
  // Files older than the field are told apart by what they hold.
  const type = config.type ?? (config.merges ? 'BPE' : 'WordPiece');
  const text = (key: string): string | undefined => (config[key] as string | null | undefined) ?? undefined;
  switch (type) {
    case 'BPE': {
      if (typeof config.dropout === 'number' && config.dropout > 0) {
        throw new UnsupportedError(
          'BPE dropout in tokenizer.json is not supported: encoding must not be random.',
        );
      }
      const vocabulary = readVocabulary(config.vocab);
      const model = new BytePairModel({
        vocabulary,
        merges: (config.merges as (string | [string, string])[]).map(readMerge),
        byteLevel,
        byteFallback: config.byte_fallback === true,
        fuseUnknown: config.fuse_unk === true,
        ignoreMerges: config.ignore_merges === true,
        unknownToken: text('unk_token'),
        continuingSubwordPrefix: text('continuing_subword_prefix'),
        endOfWordSuffix: text('end_of_word_suffix'),
      });
      return { model, vocabulary };
    }
    case 'WordPiece': {
      const vocabulary = readVocabulary(config.vocab);
      const unknownId = vocabulary.get(text('unk_token') ?? '[UNK]');
      if (unknownId === undefined) throw invalid('the WordPiece model has no unknown token');
      const model = new WordPieceModel({
        vocabulary,
        unknownId,
        continuingSubwordPrefix: text('continuing_subword_prefix') ?? '##',
        maxInputCharsPerWord: (config.max_input_chars_per_word as number | undefined) ?? 100,
      });
      return { model, vocabulary };
    }
    case 'Unigram': {
      const pieces = config.vocab as [string, number][];
      const unknownId = (config.unk_id as number | null | undefined) ?? undefined;
      const model = new UnigramModel({ pieces, unknownId, byteFallback: config.byte_fallback === true });
      return { model, vocabulary: new Map(pieces.map(([piece], id) => [piece, id])) };
    }
    default:
      throw new UnsupportedError(
        `The tokenizer model '${type}' is not supported; BPE, WordPiece and Unigram are.`,
        {
          model: type,
        },
      );
  }
}

function readVocabulary(vocab: unknown): ReadonlyMap<string, number> {
  if (typeof vocab !== 'object' || vocab === null) throw invalid('it has no vocabulary');
  const entries = Object.entries(vocab as Record<string, unknown>);
  if (!entries.every((entry): entry is [string, number] => isTokenId(entry[1]))) {
    throw invalid('an id of its vocabulary is not an integer of a possible size');
  }
  return new Map(entries);
}

function isTokenId(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= HIGHEST_ID;
}

function readMerge(merge: string | [string, string]): [string, string] {
  if (typeof merge !== 'string') return merge;
  const space = merge.indexOf(' ', 1);
  if (space < 0) throw invalid(`the merge ${JSON.stringify(merge)} is not a pair`);
  return [merge.slice(0, space), merge.slice(space + 1)];
}

function invalid(what: string): LowrankError {
  return new LowrankError(
    'tokenizer_invalid',
    `tokenizer.json is damaged: ${what}. Download the file again.`,
  );
}

function readTemplateVariables(
  map: Record<string, unknown>,
  config: Record<string, unknown>,
): Record<string, string | string[]> {
  const variables: Record<string, string | string[]> = {};
  for (const source of [map, config]) {
    for (const name of SPECIAL_NAMES) {
      const token = tokenText.safeParse(source[`${name}_token`]);
      if (token.success) variables[`${name}_token`] = textOf(token.data);
    }
    const more = z.array(tokenText).safeParse(source.additional_special_tokens);
    if (more.success) variables.additional_special_tokens = more.data.map(textOf);
  }
  return variables;
}

function textOf(token: z.infer<typeof tokenText>): string {
  return typeof token === 'string' ? token : token.content;
}

/**
 * The added tokens of tokenizer.json, then those that only tokenizer_config.json knows: entries of its
 * added_tokens_decoder, and special tokens that stand in the vocabulary as if they were plain ones.
 */
function collectAddedTokens(
  fromFile: z.infer<typeof tokenizerFile>['added_tokens'],
  config: z.infer<typeof tokenizerConfigFile>,
  vocabulary: ReadonlyMap<string, number>,
  variables: Readonly<Record<string, string | string[]>>,
): AddedToken[] {
  const tokens = new Map<string, AddedToken>();
  const add = (id: number, flags: z.infer<typeof tokenFlags>): void => {
    if (flags.content === '' || tokens.has(flags.content)) return;
    tokens.set(flags.content, {
      id: vocabulary.get(flags.content) ?? id,
      content: flags.content,
      singleWord: flags.single_word,
      lstrip: flags.lstrip,
      rstrip: flags.rstrip,
      normalized: flags.normalized ?? !flags.special,
      special: flags.special,
    });
  };
  for (const token of fromFile) add(token.id, token);
  for (const [id, token] of Object.entries(config.added_tokens_decoder ?? {})) {
    if (!isTokenId(Number(id))) throw invalid(`${id} in added_tokens_decoder is no id`);
    add(Number(id), token);
  }
  for (const content of Object.values(variables).flat()) {
    const id = vocabulary.get(content);
    if (id !== undefined) add(id, tokenFlags.parse({ content, normalized: false, special: true }));
  }
  // Special ones first: of two tokens that look alike after normalization the first wins.
  return [...tokens.values()].sort((a, b) => Number(b.special) - Number(a.special));
}

/** The ids that a post-processor puts around a single text. */
function readFrame(config: StageConfig | null | undefined): { prefix: number[]; suffix: number[] } {
  if (!config) return { prefix: [], suffix: [] };
  switch (config.type) {
    case 'ByteLevel':
      return { prefix: [], suffix: [] };
    case 'Sequence': {
      const frames = (config.processors as StageConfig[]).map(readFrame);
      return {
        prefix: frames.toReversed().flatMap((frame) => frame.prefix),
        suffix: frames.flatMap((frame) => frame.suffix),
      };
    }
    case 'BertProcessing':
    case 'RobertaProcessing': {
      const [cls, sep] = [config.cls, config.sep] as [string, number][];
      return { prefix: [cls![1]], suffix: [sep![1]] };
    }
    case 'TemplateProcessing': {
      const items = config.single as { SpecialToken?: { id: string }; Sequence?: unknown }[];
      const tokens = config.special_tokens as Record<string, { ids: number[] }>;
      const text = items.findIndex((item) => item.Sequence !== undefined);
      const ids = (part: typeof items): number[] =>
        part.flatMap((item) => (item.SpecialToken ? (tokens[item.SpecialToken.id]?.ids ?? []) : []));
      return { prefix: ids(items.slice(0, text)), suffix: ids(items.slice(text + 1)) };
    }
    default:
      throw new UnsupportedError(`The post-processor '${config.type}' of tokenizer.json is not supported.`);
  }
}
