/**
 * A tokenizer as the metadata of a GGUF file has it: `tokenizer.ggml.*` and the chat template.
 *
 * llama.cpp has two kinds that are written here: byte pairs over bytes, whose words are cut by one of its own patterns
 * (`tokenizer.ggml.pre`), and SentencePiece's pairs over characters, which are joined by the scores of what they become.
 */
import * as z from 'zod';
import { UnsupportedError } from '#base/errors.js';
import { gpt2Pattern, patternName } from '#data/gguf-patterns.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import { readTemplateSources } from '#data/template-sources.js';
import { readTokenizerFiles } from '#data/tokenizer-files.js';
import type { Tokenizer } from '#data/tokenizer.js';
import type { GgufValue } from '#gguf/format.js';

/** What a token is: numbers of `tokenizer.ggml.token_type`. */
const tokenTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

const stage: z.ZodType<Stage> = z.lazy(() =>
  z.looseObject({
    type: z.string(),
    pretokenizers: z.array(stage).optional(),
    normalizers: z.array(stage).optional(),
  }),
);
type Stage = {
  readonly type: string;
  readonly pretokenizers?: readonly Stage[] | undefined;
  readonly normalizers?: readonly Stage[] | undefined;
} & Readonly<Record<string, unknown>>;

const tokenizerFile = z.object({
  model: z.looseObject({
    type: z.string().optional(),
    vocab: z.unknown(),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])).default([]),
    unk_token: z.string().nullish(),
    byte_fallback: z.boolean().nullish(),
  }),
  added_tokens: z
    .array(z.object({ id: z.int(), content: z.string(), special: z.boolean().default(false) }))
    .default([]),
  normalizer: stage.nullish(),
  pre_tokenizer: stage.nullish(),
});
type TokenizerFile = z.infer<typeof tokenizerFile>;

/**
 * The metadata of the tokenizer in a model's folder, for an embedding of so many rows: rows without a token have unused ones.
 *
 * Throws what `loadTokenizer` and `readTemplateSources` throw, and UnsupportedError for a tokenizer that llama.cpp does not have.
 */
export async function ggufVocabulary(folder: string, rows: number): Promise<Map<string, GgufValue>> {
  const tokenizer = await loadTokenizer(folder);
  const file = (await readTokenizerFiles(folder)).parse('tokenizer.json', tokenizerFile)!;
  if (tokenizer.vocabularySize > rows) {
    throw refused(`it has ${tokenizer.vocabularySize} tokens and its model ${rows}`);
  }
  const sources = await readTemplateSources(folder);
  return new Map([
    ...vocabularyOf(file, tokenizer, rows),
    ...specialTokens(tokenizer),
    ...templates(sources),
  ]);
}

function refused(reason: string): UnsupportedError {
  return new UnsupportedError(
    `the tokenizer of this model is not written for llama.cpp: ${reason}. Export the model as safetensors`,
  );
}

/** A stage and those that it is made of. */
function stagesOf(stage: Stage | null | undefined): Stage[] {
  if (!stage) return [];
  const inner = [...(stage.pretokenizers ?? []), ...(stage.normalizers ?? [])];
  return inner.length > 0 ? inner.flatMap(stagesOf) : [stage];
}

function vocabularyOf(
  file: TokenizerFile,
  { stopIds }: Tokenizer,
  rows: number,
): readonly (readonly [string, GgufValue])[] {
  const { model, added_tokens: added, pre_tokenizer: preTokenizer, normalizer } = file;
  const isPairs = model.type === 'BPE' || (model.type === undefined && model.merges.length > 0);
  if (!isPairs) throw refused(`it is of type ${model.type ?? 'unknown'}, not BPE`);
  const vocabulary = Object.entries(z.record(z.string(), z.int()).parse(model.vocab));
  const tokens = Array.from({ length: rows }, (_, id) => `[PAD${id}]`);
  const types = Array.from({ length: rows }, (): number => tokenTypes.unused);
  for (const [text, id] of vocabulary) {
    tokens[id] = text;
    types[id] = text === model.unk_token ? tokenTypes.unknown : tokenTypes.normal;
  }
  const stages = stagesOf(preTokenizer);
  const isByteLevel = stages.some(({ type }) => type === 'ByteLevel');
  const byte = /^<0x[0-9A-F]{2}>$/;
  if (!isByteLevel) {
    for (const [text, id] of vocabulary) if (byte.test(text)) types[id] = tokenTypes.byte;
  }
  for (const { id, content, special } of added) {
    const isControl = special || stopIds.includes(id);
    // Texts are compared before spaces become signs of their own.
    tokens[id] = isControl ? content : content.replaceAll('▁', ' ');
    if (types[id] !== tokenTypes.unknown) types[id] = isControl ? tokenTypes.control : tokenTypes.userDefined;
  }
  const shared = [
    ['tokenizer.ggml.tokens', { type: 'array', of: 'string', values: tokens }],
    ['tokenizer.ggml.token_type', { type: 'array', of: 'int32', values: types }],
  ] as const satisfies readonly (readonly [string, GgufValue])[];
  const merges = model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')));
  if (isByteLevel) {
    return [
      ['tokenizer.ggml.model', { type: 'string', value: 'gpt2' }],
      ['tokenizer.ggml.pre', { type: 'string', value: preTypeOf(stages) }],
      ...shared,
      ['tokenizer.ggml.merges', { type: 'array', of: 'string', values: merges }],
    ];
  }
  const isSentencePiece =
    model.byte_fallback === true && (hasMetaspace(stages) || stagesOf(normalizer).some(replacesSpaces));
  if (!isSentencePiece) throw refused('its pairs are neither of bytes nor of SentencePiece');
  return [
    ['tokenizer.ggml.model', { type: 'string', value: 'llama' }],
    ['tokenizer.ggml.pre', { type: 'string', value: 'default' }],
    ...shared,
    ['tokenizer.ggml.scores', { type: 'array', of: 'float32', values: scoresOf(vocabulary, merges, rows) }],
    ['tokenizer.ggml.add_space_prefix', { type: 'bool', value: addsSpace(stages, stagesOf(normalizer)) }],
  ];
}

/** The pattern of llama.cpp by which words are cut as these stages cut them. */
function preTypeOf(stages: readonly Stage[]): string {
  const parts = stages.flatMap((stage) => {
    if (stage.type === 'ByteLevel') return stage['use_regex'] === false ? [] : [gpt2Pattern];
    if (stage.type === 'Digits') return [stage['individual_digits'] === true ? '\\p{N}' : '\\p{N}+'];
    const { Regex: pattern } = (stage['pattern'] ?? {}) as { Regex?: string };
    return [stage.type === 'Split' && pattern !== undefined ? pattern : stage.type];
  });
  const name = patternName(parts);
  if (name === undefined)
    throw refused(`it cuts words by ${parts.join(' and ')}, which llama.cpp has no name for`);
  return name;
}

const hasMetaspace = (stages: readonly Stage[]) => stages.some(({ type }) => type === 'Metaspace');
const replacesSpaces = (stage: Stage) => stage.type === 'Replace' && stage['content'] === '▁';

function addsSpace(stages: readonly Stage[], normalizers: readonly Stage[]): boolean {
  const metaspace = stages.find(({ type }) => type === 'Metaspace');
  if (normalizers.some(({ type }) => type === 'Prepend')) return true;
  if (!metaspace) return false;
  return 'prepend_scheme' in metaspace
    ? metaspace['prepend_scheme'] !== 'never'
    : metaspace['add_prefix_space'] !== false;
}

/** Of what pairs become: the earlier a merge, the higher its score. */
function scoresOf(
  vocabulary: readonly (readonly [string, number])[],
  merges: readonly string[],
  rows: number,
): number[] {
  const ids = new Map(vocabulary);
  const scores = Array.from({ length: rows }, () => 0);
  const done = new Set<number>();
  for (const [rank, merge] of merges.entries()) {
    const id = ids.get(merge.replace(' ', ''));
    if (id === undefined || done.has(id)) continue;
    done.add(id);
    scores[id] = -rank;
  }
  return scores;
}

function specialTokens({
  special: { bos, eos, unk, pad },
  stopIds,
  prefix,
  suffix,
}: Tokenizer): readonly (readonly [string, GgufValue])[] {
  const end = eos?.id ?? stopIds[0];
  const turnEnd = stopIds.find((id) => id !== end);
  const ids = { bos: bos?.id, eos: end, eot: turnEnd, unknown: unk?.id, padding: pad?.id };
  const known = Object.entries(ids).flatMap(([name, id]) =>
    id === undefined ? [] : [[`tokenizer.ggml.${name}_token_id`, { type: 'uint32', value: id }] as const],
  );
  return [
    ...known,
    ['tokenizer.ggml.add_bos_token', { type: 'bool', value: bos !== undefined && prefix.includes(bos.id) }],
    ['tokenizer.ggml.add_eos_token', { type: 'bool', value: end !== undefined && suffix.includes(end) }],
  ];
}

function templates(sources: Readonly<Record<string, string>> = {}): (readonly [string, GgufValue])[] {
  const { default: usual, ...named } = sources;
  const text = (value: string) => ({ type: 'string', value }) as const;
  const names = Object.keys(named);
  return [
    ...(usual === undefined ? [] : [['tokenizer.chat_template', text(usual)] as const]),
    ...(names.length === 0
      ? []
      : [['tokenizer.chat_templates', { type: 'array', of: 'string', values: names }] as const]),
    ...names.map((name) => [`tokenizer.chat_template.${name}`, text(named[name]!)] as const),
  ];
}
