import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ExportDtype } from '#adapters/exports/declared.js';
import { mergedGguf } from '#adapters/exports/merged-gguf.js';
import { openAdapter, readAdapter } from '#adapters/read-adapter.js';
import { mergeDelta } from '#lora/merge-delta.js';
import { factorsOf } from '#lora/variants/registry.js';
import { readParameter } from '#models/frozen-weights.js';
import { reorderHeads } from '#models/gguf/gguf-model.js';
import { openModelFolder } from '#models/model-folder.js';
import { readGguf } from '../../../test/read-gguf.js';

const fixtures = join(import.meta.dirname, '../../../test/fixtures');

let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(join(tmpdir(), 'merged-gguf-'))));
afterEach(() => rm(scratch, { recursive: true }));

const tinyTokenizer = {
  model: {
    type: 'BPE',
    vocab: { '<unk>': 0, '▁': 3, a: 4, b: 5, ab: 6, '▁ab': 7, '<0x0A>': 8 },
    merges: ['a b', '▁ ab'],
    unk_token: '<unk>',
    byte_fallback: true,
  },
  added_tokens: [
    { id: 0, content: '<unk>', special: true },
    { id: 1, content: '<s>', special: true },
    { id: 2, content: '</s>', special: true },
    { id: 9, content: '▁▁', special: false },
  ],
  normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
  decoder: { type: 'ByteFallback' },
};

/** A golden model with a tokenizer and a licence beside it. */
async function base(family: string, tokenizer: object = tinyTokenizer): Promise<string> {
  const folder = join(scratch, family);
  await cp(join(fixtures, 'families', family), folder, { recursive: true });
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  const config = { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>', chat_template: '{{ messages }}' };
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(config));
  await writeFile(join(folder, 'LICENSE'), 'free');
  return folder;
}

async function exported(baseFolder: string, adapter: string, dtype: ExportDtype) {
  const output = join(scratch, 'out');
  const { tree: model } = await openModelFolder(baseFolder);
  const opened = await openAdapter(join(fixtures, 'lora', adapter, 'final'), { model });
  await mergedGguf.write({ baseFolder, member: { adapter: opened, weight: 1 }, output, dtype });
  return { output, ...readGguf(await readFile(join(output, `model-${dtype}.gguf`))) };
}

test('weights hold W0 + scale B A under the names of llama.cpp, queries and keys in its order', async () => {
  const folder = await base('llama');
  const { tensors, metadata, output } = await exported(folder, 'patterns', 'f32');
  const { parameters } = await openModelFolder(folder);
  const { modules } = await readAdapter(join(fixtures, 'lora/patterns/final'));
  const weight = async (name: string) => {
    const before = await readParameter(parameters.get(`${name}.weight`)!);
    const module = modules.get(name);
    return module ? mergeDelta(before, factorsOf(module, module.numbers), module) : before;
  };
  const layer = 'model.layers.1';
  expect(tensors.get('blk.1.attn_q.weight')!.data).toEqual(
    reorderHeads(await weight(`${layer}.self_attn.q_proj`), 32, 8),
  );
  expect(tensors.get('blk.1.attn_k.weight')!.data).toEqual(
    reorderHeads(await weight(`${layer}.self_attn.k_proj`), 32, 8),
  );
  for (const [name, path] of [
    ['blk.1.attn_v', `${layer}.self_attn.v_proj`],
    ['blk.1.ffn_down', `${layer}.mlp.down_proj`],
    ['blk.1.ffn_norm', `${layer}.post_attention_layernorm`],
    ['token_embd', 'model.embed_tokens'],
    ['output_norm', 'model.norm'],
  ] as const) {
    expect(tensors.get(`${name}.weight`)!.data, name).toEqual(await weight(path));
  }
  // The base shares its embeddings, and so does the file.
  expect(tensors.has('output.weight')).toBe(false);
  expect(Object.fromEntries(metadata)).toMatchObject({
    'general.architecture': 'llama',
    'general.file_type': 0,
    'llama.block_count': 2,
    'llama.attention.head_count': 4,
    'llama.attention.head_count_kv': 2,
    'llama.rope.dimension_count': 8,
    'llama.rope.freq_base': 10_000,
    'tokenizer.chat_template': '{{ messages }}',
    'tokenizer.ggml.eos_token_id': 2,
  });
  expect((await readdir(output)).toSorted()).toEqual(['LICENSE', 'Modelfile', 'model-f32.gguf']);
});

test('matrices are rounded, vectors and norms stay as they are, and what norms add is in them', async () => {
  const folder = await base('gemma2');
  const config = join(folder, 'config.json');
  const text = await readFile(config, 'utf8');
  // As in the real ones, heads of 8 are scaled by their size.
  await writeFile(config, text.replace(/("query_pre_attn_scalar":\s*)\d+/, '$18'));
  const { tensors } = await exported(folder, 'gemma2-all-linear', 'q8_0');
  const { parameters } = await openModelFolder(folder);
  const norm = await readParameter(parameters.get('model.layers.0.pre_feedforward_layernorm.weight')!);
  expect(tensors.get('blk.0.ffn_norm.weight')).toMatchObject({ type: 'F32', data: norm.map((w) => w + 1) });
  expect(tensors.get('blk.0.ffn_up.weight')!.type).toBe('Q8_0');
  // Rows of 72 are no whole blocks of 32.
  expect(tensors.get('blk.0.ffn_down.weight')!.type).toBe(
    parameters.get('model.layers.0.mlp.down_proj.weight')!.shape[1]! % 32 === 0 ? 'Q8_0' : 'F16',
  );
});

test('a tokenizer of SentencePiece has scores by the order of its merges, and unused tokens for rows without one', async () => {
  const { metadata } = await exported(await base('llama'), 'qv', 'f16');
  const list = (name: string) => metadata.get(`tokenizer.ggml.${name}`) as (string | number)[];
  expect(metadata.get('tokenizer.ggml.model')).toBe('llama');
  expect(list('tokens').slice(0, 11)).toEqual([
    '<unk>',
    '<s>',
    '</s>',
    '▁',
    'a',
    'b',
    'ab',
    '▁ab',
    '<0x0A>',
    '  ',
    '[PAD10]',
  ]);
  expect(list('token_type').slice(0, 11)).toEqual([2, 3, 3, 1, 1, 1, 1, 1, 6, 4, 5]);
  expect(list('tokens')).toHaveLength(96);
  expect(list('scores').slice(6, 8)).toEqual([-0, -1]);
  expect(metadata.get('tokenizer.ggml.add_space_prefix')).toBe(false);
  expect(metadata.get('tokenizer.ggml.add_bos_token')).toBe(false);
});

test.each([
  ['byte-level-gpt2', 'gpt-2'],
  ['byte-level-llama3', 'llama-bpe'],
  ['byte-level-qwen', 'qwen2'],
])('the words of %s are cut as %s', async (name, pre) => {
  const file = join(fixtures, 'tokenizers', name, 'tokenizer.json');
  const tokenizer = JSON.parse(await readFile(file, 'utf8')) as {
    model: { vocab: Record<string, number>; merges: unknown[] };
    added_tokens: { id: number }[];
  };
  // The golden model has 96 rows; what cuts words does not depend on the words.
  tokenizer.model.vocab = Object.fromEntries(
    Object.entries(tokenizer.model.vocab).filter(([, id]) => id < 90),
  );
  tokenizer.model.merges = [];
  tokenizer.added_tokens = tokenizer.added_tokens.filter(({ id }) => id < 90);
  const { metadata } = await exported(await base('llama', tokenizer), 'qv', 'f16');
  expect(metadata.get('tokenizer.ggml.pre')).toBe(pre);
});

test.each([
  ['gemma3-text', 'gemma3-all-linear', tinyTokenizer, /as GGUF: its scores are scaled by/],
  [
    'llama',
    'qv',
    { ...tinyTokenizer, model: { type: 'Unigram', vocab: [['a', -1]] } },
    /it is of type Unigram/,
  ],
  [
    'llama',
    'qv',
    {
      ...tinyTokenizer,
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: '\\d+' }, behavior: 'Isolated' },
          { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
        ],
      },
      model: { type: 'BPE', vocab: { a: 3 }, merges: [] },
    },
    /cuts words by \\d\+, which llama\.cpp has no name for/,
  ],
])(
  '%s with %s and a tokenizer or numbers that llama.cpp lacks is refused',
  async (family, adapter, tokenizer, message) => {
    await expect(exported(await base(family, tokenizer), adapter, 'f16')).rejects.toThrow(message);
  },
);
