/** GGUF files as base models: the same model as the folder that they were made from, and what is said of damaged ones. */
import { copyFile, cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadTokenizer } from '#data/load-tokenizer.js';
import { readTemplateSources } from '#data/template-sources.js';
import type { GgufMetadata, GgufTensorType, GgufValue } from '#gguf/format.js';
import { ggufChunks, type GgufTensorSource } from '#gguf/write.js';
import { BucketModel } from '#generation/bucket-model.js';
import { registerModel, verifyModel } from '#hub/model-registry.js';
import { familyOf } from '#models/families/registry.js';
import { readParameter, readRows } from '#models/frozen-weights.js';
import { encodeFloats } from '#models/gguf/encode.js';
import { reorderHeads } from '#models/gguf/gguf-model.js';
import { openModelFolder } from '#models/model-folder.js';

const families = join(import.meta.dirname, '../fixtures/families');
const tokenizers = join(import.meta.dirname, '../fixtures/tokenizers');
let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'gguf-base-'));
});
afterAll(() => rm(scratch, { recursive: true }));

/** Of a configuration: tokens, which the vocabulary tells, and what llama.cpp has built in. */
const tellsOtherwise = [
  'bosTokenId',
  'eosTokenIds',
  'padTokenId',
  'warnings',
  'attentionScale',
  'hasPositions',
];

const text = (value: string): GgufValue => ({ type: 'string', value });
const texts = (values: readonly string[]): GgufValue => ({ type: 'array', of: 'string', values });

interface TokenizerJson {
  readonly added_tokens: readonly { id: number; content: string; special: boolean }[];
  readonly model: { vocab: Record<string, number>; merges: readonly (string | [string, string])[] };
}

/** The vocabulary of a byte-level tokenizer as llama.cpp keeps it. */
async function vocabulary(folder: string, pre: string): Promise<[string, GgufValue][]> {
  const { added_tokens: added, model } = JSON.parse(
    await readFile(join(folder, 'tokenizer.json'), 'utf8'),
  ) as TokenizerJson;
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(model.vocab)) tokens[id] = token;
  for (const { id, content } of added) tokens[id] = content;
  const kinds = new Map(added.map(({ id, special }) => [id, special ? 3 : 4]));
  const bos = tokens.indexOf('<|begin_of_text|>');
  return [
    ['tokenizer.ggml.model', text('gpt2')],
    ['tokenizer.ggml.pre', text(pre)],
    ['tokenizer.ggml.tokens', texts(tokens)],
    [
      'tokenizer.ggml.token_type',
      { type: 'array', of: 'int32', values: tokens.map((_, id) => kinds.get(id) ?? 1) },
    ],
    [
      'tokenizer.ggml.merges',
      texts(model.merges.map((pair) => (typeof pair === 'string' ? pair : pair.join(' ')))),
    ],
    ...(bos < 0
      ? []
      : [['tokenizer.ggml.bos_token_id', { type: 'uint32', value: bos }] as [string, GgufValue]]),
    ['tokenizer.chat_template', text('{{ messages }}')],
  ];
}

/** Writes the model of a folder as llama.cpp has it; `extra` replaces metadata. */
async function writeGguf(
  file: string,
  folder: string,
  type: GgufTensorType = 'F32',
  extra: readonly (readonly [string, GgufValue])[] = [],
): Promise<void> {
  const base = await openModelFolder(folder);
  const names = familyOf(base.config).gguf!(base.config)!;
  const tensors = new Map<string, GgufTensorSource>();
  for (const [name, numbers] of names.tensors) {
    tensors.set(name, {
      type: 'F32',
      shape: [numbers.length],
      chunks: () => [encodeFloats(numbers, 'F32', name)],
    });
  }
  for (const parameter of base.parameters.values()) {
    const { name, shape } = parameter;
    let numbers: Float32Array = await readParameter(parameter);
    const [heads, added] = [names.headsOf(name), names.addedTo(name)];
    if (heads !== undefined) numbers = reorderHeads(numbers, shape[1] ?? 1, heads);
    if (added !== 0) numbers = numbers.map((value) => value + added);
    const own = shape.length === 2 && shape[1]! % 32 === 0 ? type : 'F32';
    tensors.set(names.nameOf(name)!, { type: own, shape, chunks: () => [encodeFloats(numbers, own, name)] });
  }
  const metadata: GgufMetadata = new Map([
    ['general.architecture', text(names.architecture)],
    ...names.metadata,
    ...(await vocabulary(join(tokenizers, 'byte-level-llama3'), 'llama-bpe')),
    ...extra,
  ]);
  await writeFile(file, ggufChunks(metadata, tensors));
}

describe('a GGUF file', () => {
  test.each(['llama', 'llama-untied', 'mistral', 'qwen2', 'qwen3', 'gemma3-text', 'phi3', 'smollm3'])(
    'has the weights and the configuration of the folder of %s',
    async (family) => {
      const [folder, file] = [join(families, family), join(scratch, `${family}.gguf`)];
      await writeGguf(file, folder);
      const [base, gguf] = [await openModelFolder(folder), await openModelFolder(file)];
      const known = (model: typeof base): Record<string, unknown> => {
        const json = JSON.parse(JSON.stringify(model.config)) as Record<string, unknown>;
        for (const name of tellsOtherwise) delete json[name];
        return json;
      };
      // llama.cpp has no name of its own for Mistral.
      const { architecture, modelType, ...own } = known(base);
      const { architecture: _1, modelType: _2, ...read } = known(gguf);
      expect(family === 'mistral' || gguf.config.architecture === architecture, String(modelType)).toBe(true);
      const expected = family === 'mistral' ? { layers: own['layers'], rope: own['rope'] } : own;
      expect(read).toMatchObject(expected);
      expect([...gguf.parameters.keys()].toSorted()).toEqual([...base.parameters.keys()].toSorted());
      for (const parameter of base.parameters.values()) {
        const [numbers, exact] = [
          await readParameter(gguf.parameters.get(parameter.name)!),
          await readParameter(parameter),
        ];
        const worst = numbers.reduce((most, value, i) => Math.max(most, Math.abs(value - exact[i]!)), 0);
        // 1 + w - 1 rounds once.
        expect(worst, parameter.name).toBeLessThanOrEqual(parameter.name.endsWith('norm.weight') ? 1e-6 : 0);
      }
      const stored = [...gguf.parameters.values()].find(({ name }) =>
        /self_attn\.(q|qkv)_proj\.weight/.test(name),
      )!;
      const width = stored.shape[1]!;
      const all = await readParameter(stored);
      expect(await readRows(stored, 3, 9)).toEqual(all.slice(3 * width, 12 * width));
    },
  );

  test('has the rope scaling of Llama 3.1 back from what comes of it, and refuses another', async () => {
    const folder = join(scratch, 'llama31');
    await cp(join(families, 'llama3-rope'), folder, { recursive: true });
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as object;
    const scaling = {
      rope_type: 'llama3',
      factor: 32,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    };
    const file = join(scratch, 'llama31.gguf');
    const write = async (rope_scaling: object) => {
      await writeFile(
        join(folder, 'config.json'),
        JSON.stringify({ ...config, rope_theta: 5e5, rope_scaling }),
      );
      await writeGguf(file, folder);
    };
    await write(scaling);
    const { rope } = (await openModelFolder(file)).config as unknown as { rope: unknown };
    expect(rope).toEqual(((await openModelFolder(folder)).config as unknown as { rope: unknown }).rope);
    await write({ ...scaling, high_freq_factor: 2, original_max_position_embeddings: 512 });
    await expect(openModelFolder(file)).rejects.toThrow(/another scaling than that of Llama 3.1/);
  });

  test('has the tokens and the chat template that it tells of', async () => {
    const file = join(scratch, 'llama.gguf');
    const [ours, theirs] = [
      await loadTokenizer(file),
      await loadTokenizer(join(tokenizers, 'byte-level-llama3')),
    ];
    for (const sample of ['Hello 1234567 worlds', " it's  ½ <|eot_id|>\n\nx", '日本語 é']) {
      expect(ours.encode(sample)).toEqual(theirs.encode(sample));
    }
    expect(await readTemplateSources(file)).toEqual({ default: '{{ messages }}' });
  });

  test('answers as the numbers in its blocks, and is registered like a folder', async () => {
    const [folder, file] = [join(families, 'llama'), join(scratch, 'eight-bits.gguf')];
    await writeGguf(file, folder, 'Q8_0');
    const logits = async (model: string) => {
      const answers = BucketModel.create({
        model: await openModelFolder(model),
        modules: [],
        runner: { kind: 'compiled', device: 'cpu', threads: 1, spin: false, cacheFolder: undefined },
      });
      const sequence = answers.open(undefined);
      const rows = [await sequence.extend([5, 6, 7]), await sequence.extend([8])];
      await answers.close();
      return rows;
    };
    const [exact, rounded] = [await logits(folder), await logits(file)];
    for (const [i, row] of rounded.entries()) {
      const largest = Math.max(...exact[i]!.map(Math.abs));
      const worst = Math.max(...row.map((value, at) => Math.abs(value - exact[i]![at]!)));
      expect(worst / largest).toBeGreaterThan(0);
      expect(worst / largest).toBeLessThan(0.05);
    }
    const record = await registerModel(file, join(scratch, 'registry'));
    expect(record).toMatchObject({ name: 'eight-bits', folder: file, files: [{ name: 'eight-bits.gguf' }] });
    await verifyModel(record, { full: true });
  });
});

describe('a damaged or unknown file', () => {
  const damaged = join('.', 'damaged.gguf');
  async function damage(change: (bytes: Buffer) => void | Promise<void>): Promise<string> {
    const file = join(scratch, damaged);
    await copyFile(join(scratch, 'eight-bits.gguf'), file);
    const bytes = await readFile(file);
    await change(bytes);
    await writeFile(file, bytes);
    return file;
  }
  /** Where the place of a tensor says its type; its offset follows. */
  function placeOf(bytes: Buffer, tensor: string): number {
    const at = bytes.indexOf(tensor) + tensor.length;
    return at + 4 + 8 * bytes.readUInt32LE(at);
  }

  test('that was cut off names the tensor, or the metadata, that is not there', async () => {
    const file = await damage(() => undefined);
    const { length } = await readFile(file);
    await truncate(file, length - 200);
    await expect(openModelFolder(file)).rejects.toMatchObject({
      code: 'gguf_invalid',
      message: expect.stringMatching(/tensor .* goes on to byte .* cut off/) as string,
    });
    await truncate(file, 300);
    await expect(openModelFolder(file)).rejects.toMatchObject({ code: 'gguf_invalid' });
    await truncate(file, 0);
    await expect(openModelFolder(file)).rejects.toMatchObject({ code: 'gguf_invalid' });
  });

  test('with an offset outside of it, or into another tensor, is refused', async () => {
    for (const offset of [1n << 40n, 64n]) {
      const file = await damage(
        (bytes) => void bytes.writeBigUInt64LE(offset, placeOf(bytes, 'blk.1.ffn_up.weight') + 4),
      );
      await expect(openModelFolder(file)).rejects.toMatchObject({
        code: 'gguf_invalid',
        message: expect.stringContaining('tensor') as string,
      });
    }
  });

  test('with a format that is not read names the format and the tensor', async () => {
    const file = await damage((bytes) => void bytes.writeUInt32LE(20, placeOf(bytes, 'blk.1.ffn_up.weight')));
    await expect(openModelFolder(file)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/blk\.1\.ffn_up\.weight is stored as IQ4_NL/) as string,
    });
  });

  test('of another architecture, another cut of texts or several parts is named', async () => {
    const file = join(scratch, 'other.gguf');
    const one = (key: string, value: GgufValue) =>
      writeGguf(file, join(families, 'llama'), 'F32', [[key, value]]);
    await one('general.architecture', text('mamba'));
    await expect(openModelFolder(file)).rejects.toThrow(/architecture "mamba" is not read from GGUF/);
    await one('tokenizer.ggml.pre', text('poro'));
    await expect(loadTokenizer(file)).rejects.toThrow(/"poro"/);
    await one('split.count', { type: 'uint16', value: 3 });
    await expect(openModelFolder(file)).rejects.toThrow(/one of 3 parts/);
  });

  test('with a number that is none says so before it answers', async () => {
    const file = await damage((bytes) => {
      const start = Math.ceil((placeOf(bytes, 'output_norm.weight') + 12) / 32) * 32;
      for (let at = start; at < bytes.length - 2; at += 34) bytes.writeUInt16LE(0x7e00, at);
    });
    const answers = BucketModel.create({
      model: await openModelFolder(file),
      modules: [],
      runner: { kind: 'compiled', device: 'cpu', threads: 1, spin: false, cacheFolder: undefined },
    });
    await expect(answers.open(undefined).extend([5])).rejects.toMatchObject({ code: 'weight_not_finite' });
  });

  test('that is a folder with such a file says which file to name', async () => {
    await expect(openModelFolder(join(families, 'llama'))).resolves.toBeDefined();
    const folder = await mkdtemp(join(tmpdir(), 'gguf-folder-'));
    await copyFile(join(families, 'llama/config.json'), join(folder, 'config.json'));
    await copyFile(join(scratch, 'eight-bits.gguf'), join(folder, 'model.gguf'));
    await expect(openModelFolder(folder)).rejects.toThrow(/name the file itself, .*model\.gguf/);
    await rm(folder, { recursive: true });
  });
});
