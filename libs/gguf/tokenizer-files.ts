/** tokenizer.json and tokenizer_config.json of a GGUF file, from the vocabulary in its metadata. */
import { setImmediate } from 'node:timers/promises';
import { UnsupportedError } from '#base/errors.js';
import { GgufError } from '#gguf/read.js';
import type { Metadata } from '#gguf/metadata.js';

/** `tokenizer.ggml.token_type`. */
const kinds = { unknown: 2, control: 3, userDefined: 4, unused: 5 };
const metaSymbol = '▁';

type Stage = Readonly<Record<string, unknown>>;

/** How texts are cut before they become tokens, by `tokenizer.ggml.pre`. */
interface Splitter {
  readonly pattern?: string;
  readonly normalizer?: Stage;
  readonly stages?: readonly Stage[];
  readonly ignoresMerges?: boolean;
  readonly addsBos?: boolean;
}

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const afterWords = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const llama3Pattern = `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|${afterWords}`;
const qwenPattern = `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|${afterWords}`;

const llama3: Splitter = { pattern: llama3Pattern, ignoresMerges: true, addsBos: true };
const splitters: Readonly<Record<string, Splitter>> = {
  default: {},
  'gpt-2': {},
  smollm: { stages: [{ type: 'Digits', individual_digits: true }] },
  'llama-bpe': llama3,
  llama3,
  'llama-v3': llama3,
  dbrx: { pattern: llama3Pattern },
  qwen2: { pattern: qwenPattern, normalizer: { type: 'NFC' } },
  'deepseek-r1-qwen': { pattern: qwenPattern, normalizer: { type: 'NFC' } },
};

const byteLevel = (usesPattern: boolean) => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: usesPattern,
});

/** The text of tokenizer.json. Throws GgufError and UnsupportedError. */
export async function tokenizerText(metadata: Metadata): Promise<string> {
  const model = metadata.text('tokenizer.ggml.model');
  if (model === 'gpt2') return JSON.stringify(byteLevelTokenizer(metadata));
  if (model === 'llama') return JSON.stringify(await sentencePieceTokenizer(metadata));
  throw new UnsupportedError(
    `${metadata.file.path}: the tokenizer ${JSON.stringify(model)} is not read from GGUF; known: gpt2, llama`,
    { file: metadata.file.path, tokenizer: model },
  );
}

/** The text of tokenizer_config.json. */
export function tokenizerConfigText(metadata: Metadata): string {
  const tokens = vocabularyOf(metadata).tokens;
  const special = (name: string, key = name) => {
    const id = metadata.number(`tokenizer.ggml.${key}_token_id`, -1);
    const text = tokens[id];
    return text === undefined ? {} : { [`${name}_token`]: text };
  };
  const named = metadata
    .texts('tokenizer.chat_templates', [])
    .map((name) => ({ name, template: metadata.text(`tokenizer.chat_template.${name}`) }));
  const usual = metadata.has('tokenizer.chat_template')
    ? metadata.text('tokenizer.chat_template')
    : undefined;
  const template =
    usual !== undefined && named.length > 0 ? [{ name: 'default', template: usual }, ...named] : usual;
  return JSON.stringify({
    ...special('bos'),
    ...special('eos'),
    ...special('pad', 'padding'),
    ...special('unk', 'unknown'),
    clean_up_tokenization_spaces: false,
    ...(template === undefined ? {} : { chat_template: template }),
  });
}

/** The ends of answers that config.json has no place for. */
export function stopTokens(metadata: Metadata): number[] {
  const ids = ['eos', 'eot', 'eom'].map((name) => metadata.number(`tokenizer.ggml.${name}_token_id`, -1));
  return [...new Set(ids.filter((id) => id >= 0))];
}

function vocabularyOf(metadata: Metadata): { tokens: readonly string[]; types: readonly number[] } {
  const tokens = metadata.texts('tokenizer.ggml.tokens');
  const types = metadata.numbers(
    'tokenizer.ggml.token_type',
    tokens.map(() => 1),
  );
  if (types.length !== tokens.length) {
    throw new GgufError(
      metadata.file.path,
      `has ${tokens.length} tokens and ${types.length} kinds of tokens`,
    );
  }
  return { tokens, types };
}

function addedTokens(tokens: readonly string[], types: readonly number[], unknownId: number) {
  return tokens.flatMap((content, id) => {
    const type = types[id];
    if (type !== kinds.control && type !== kinds.userDefined && id !== unknownId) return [];
    const special = type !== kinds.userDefined;
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special }];
  });
}

/** What puts the tokens around a text that the file asks for. */
function frame(metadata: Metadata, tokens: readonly string[], addsBos: boolean): Stage | null {
  const parts = (['bos', 'eos'] as const).map((name) => {
    const adds = metadata.flag(`tokenizer.ggml.add_${name}_token`, name === 'bos' && addsBos);
    const id = metadata.number(`tokenizer.ggml.${name}_token_id`, -1);
    return adds && tokens[id] !== undefined ? { id, text: tokens[id] } : undefined;
  });
  if (!parts.some((part) => part)) return null;
  const around = (type: number, name: string) => {
    const [bos, eos] = parts.map((part) =>
      part ? [{ SpecialToken: { id: part.text, type_id: type } }] : [],
    );
    return [...bos!, { Sequence: { id: name, type_id: type } }, ...eos!];
  };
  const entries = parts.flatMap((part) =>
    part ? [[part.text, { id: part.text, ids: [part.id], tokens: [part.text] }] as const] : [],
  );
  return {
    type: 'TemplateProcessing',
    single: around(0, 'A'),
    pair: [...around(0, 'A'), ...around(1, 'B')],
    special_tokens: Object.fromEntries(entries),
  };
}

const header = { version: '1.0', truncation: null, padding: null };
const bpe = { type: 'BPE', dropout: null, continuing_subword_prefix: null, end_of_word_suffix: null };

function byteLevelTokenizer(metadata: Metadata): Stage {
  const pre = metadata.text('tokenizer.ggml.pre', 'default');
  const splitter = Object.hasOwn(splitters, pre) ? splitters[pre]! : undefined;
  if (!splitter) {
    throw new UnsupportedError(
      `${metadata.file.path}: texts are cut as ${JSON.stringify(pre)} says, which is not read from GGUF; known: ${Object.keys(splitters).join(', ')}`,
      { file: metadata.file.path, pre },
    );
  }
  const { pattern, stages = [], normalizer = null, ignoresMerges = false, addsBos = false } = splitter;
  const { tokens, types } = vocabularyOf(metadata);
  const cut: Stage[] = pattern
    ? [{ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }, byteLevel(false)]
    : [...stages, byteLevel(true)];
  // Rows that only fill the embedding up have no token.
  const vocab = tokens.flatMap((token, id) =>
    types[id] === kinds.unused && token === `[PAD${id}]` ? [] : [[token, id] as const],
  );
  return {
    ...header,
    added_tokens: addedTokens(tokens, types, -1),
    normalizer,
    pre_tokenizer: cut.length === 1 ? cut[0] : { type: 'Sequence', pretokenizers: cut },
    post_processor: frame(metadata, tokens, addsBos),
    decoder: byteLevel(true),
    model: {
      ...bpe,
      unk_token: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: ignoresMerges,
      vocab: Object.fromEntries(vocab),
      merges: metadata.texts('tokenizer.ggml.merges'),
    },
  };
}

async function sentencePieceTokenizer(metadata: Metadata): Promise<Stage> {
  const { tokens: written, types } = vocabularyOf(metadata);
  const isGemma = metadata.architecture.startsWith('gemma');
  // Runs of spaces are written as spaces; the vocabulary itself spells them with its symbol.
  const tokens = written.map((token) =>
    isGemma && /^ +$/.test(token) ? metaSymbol.repeat(token.length) : token,
  );
  const scores = isGemma ? tokens.map((_, id) => -id) : metadata.numbers('tokenizer.ggml.scores', undefined);
  const unknownId = metadata.number(
    'tokenizer.ggml.unknown_token_id',
    types.findIndex((type) => type === kinds.unknown),
  );
  const replaced = { type: 'Replace', pattern: { String: ' ' }, content: metaSymbol };
  const prefixed = metadata.flag('tokenizer.ggml.add_space_prefix', !isGemma);
  const shown: Stage[] = [
    { type: 'Replace', pattern: { String: metaSymbol }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
  ];
  return {
    ...header,
    added_tokens: addedTokens(tokens, types, unknownId),
    normalizer: prefixed
      ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: metaSymbol }, replaced] }
      : replaced,
    pre_tokenizer: isGemma
      ? { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false }
      : null,
    post_processor: frame(metadata, tokens, true),
    decoder: {
      type: 'Sequence',
      decoders: prefixed ? [...shown, { type: 'Strip', content: ' ', start: 1, stop: 0 }] : shown,
    },
    model: {
      ...bpe,
      unk_token: tokens[unknownId] ?? null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: await mergesOf(tokens, scores),
    },
  };
}

/** After so many pieces others have their turn. */
const turn = 10_000;

/** All pairs of pieces that make a piece, the best first: a vocabulary with scores keeps no list of them. */
async function mergesOf(tokens: readonly string[], scores: readonly number[]): Promise<[string, string][]> {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const found: { left: string; right: string; score: number; lengths: readonly [number, number] }[] = [];
  for (const [id, token] of tokens.entries()) {
    if (id % turn === 0) await setImmediate();
    const letters = Array.from(token);
    const own: typeof found = [];
    for (let cut = 1, at = 0; cut < letters.length; cut++) {
      at += letters[cut - 1]!.length;
      const left = token.slice(0, at);
      if (!ids.has(left)) continue;
      const right = token.slice(at);
      if (!ids.has(right)) continue;
      own.push({ left, right, score: scores[id] ?? 0, lengths: [cut, letters.length - cut] });
    }
    own.sort((a, b) => ids.get(a.left)! - ids.get(b.left)! || ids.get(a.right)! - ids.get(b.right)!);
    found.push(...own);
  }
  found.sort((a, b) => b.score - a.score || b.lengths[0] - a.lengths[0] || b.lengths[1] - a.lengths[1]);
  return found.map(({ left, right }) => [left, right]);
}
