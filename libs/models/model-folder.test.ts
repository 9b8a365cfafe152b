import { readdirSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { causalModel } from '#models/abilities.js';
import { schemeOf } from '#jit/graph.js';
import { openModelFolder } from '#models/model-folder.js';
import { readSafetensorsHeader, readTensorBytes } from '#models/safetensors.js';
import { streamSafetensors } from '#models/safetensors-write.js';
import type { TensorSource } from '#models/safetensors-write.js';

const families = fileURLToPath(new URL('../../test/fixtures/families', import.meta.url));
const supported = readdirSync(families).filter((name) => /^(llama|mistral|qwen2)(?!.*classifier)/.test(name));

let scratch: string;
beforeEach(async () => void (scratch = await realpath(await mkdtemp(path.join(tmpdir(), 'model-folder-')))));
afterEach(() => rm(scratch, { recursive: true }));

/** Copies a family of the fixtures with its tensors changed. */
async function folderOf(
  family: string,
  change: (tensors: Map<string, TensorSource>) => void = () => undefined,
  configChange: Record<string, unknown> = {},
): Promise<string> {
  const folder = path.join(scratch, 'model');
  await mkdir(folder);
  const config = JSON.parse(await readFile(path.join(families, family, 'config.json'), 'utf8')) as object;
  await writeFile(path.join(folder, 'config.json'), JSON.stringify({ ...config, ...configChange }));
  const file = await readSafetensorsHeader(path.join(families, family, 'model.safetensors'));
  const tensors = new Map<string, TensorSource>();
  for (const [name, entry] of file.tensors) {
    const bytes = await readTensorBytes(file, entry);
    tensors.set(name, { dtype: entry.dtype, shape: entry.shape, chunks: () => [bytes] });
  }
  change(tensors);
  await streamSafetensors(path.join(folder, 'model.safetensors'), tensors, { format: 'pt' });
  return folder;
}

describe('every supported family of the fixtures opens', () => {
  test.each(supported)('%s', async (name) => {
    const folder = path.join(families, name);
    const model = await openModelFolder(folder);
    const named = [...model.tree.parameters()].map(({ name }) => name);
    expect([...model.parameters.keys()]).toEqual(named);
    expect(model.realFolders).toEqual([await realpath(folder)]);
    expect(model).toMatchObject({
      tokenizer: null,
      ignoredTensors: [...model.otherParts.keys()].toSorted(),
      warnings: [],
    });
    const bytes = { float32: 4, bfloat16: 2, float16: 2 };
    for (const parameter of model.parameters.values()) {
      const elements = parameter.shape.reduce((a, b) => a * b);
      expect(parameter.byteLength).toBe(elements * bytes[schemeOf(parameter) as keyof typeof bytes]);
    }
  });

  test('in the dtype that it is stored in, whole or in shards', async () => {
    const half = await openModelFolder(path.join(families, 'llama-bf16'));
    expect(new Set([...half.parameters.values()].map(schemeOf))).toEqual(new Set(['bfloat16']));
    const sharded = await openModelFolder(path.join(families, 'llama-f16-sharded'));
    expect(sharded.weightFiles.length).toBeGreaterThan(1);
    expect(new Set([...sharded.parameters.values()].map(({ file }) => file)).size).toBe(
      sharded.weightFiles.length,
    );
    expect(schemeOf(sharded.parameters.get('model.norm.weight')!)).toBe('float16');
  });
});

test('links are followed to the real files, even into several folders', async () => {
  // The layout of the Hugging Face cache: snapshots/REVISION holds links into blobs.
  const source = path.join(families, 'llama-f16-sharded');
  const snapshot = path.join(scratch, 'snapshots', 'main');
  await mkdir(snapshot, { recursive: true });
  for (const [i, name] of readdirSync(source).entries()) {
    const blobs = path.join(scratch, `blobs-${i % 2}`);
    await mkdir(blobs, { recursive: true });
    await copyFile(path.join(source, name), path.join(blobs, `blob${i}`));
    await symlink(path.join('..', '..', `blobs-${i % 2}`, `blob${i}`), path.join(snapshot, name));
  }
  const model = await openModelFolder(snapshot);
  expect(model.realFolders).toEqual([path.join(scratch, 'blobs-0'), path.join(scratch, 'blobs-1')]);
  for (const { file } of model.parameters.values()) expect(path.basename(file)).toMatch(/^blob\d+$/);
});

describe('weights that do not fit are refused with every name and shape', () => {
  test('missing, misshapen and extra at once', async () => {
    const folder = await folderOf('llama', (tensors) => {
      const norm = tensors.get('model.norm.weight')!;
      tensors.delete('model.layers.1.input_layernorm.weight');
      tensors.set('model.norm.weight', { ...norm, shape: [norm.shape[0]! / 2, 2] });
      tensors.set('model.layers.0.self_attn.q_norm.weight', { ...norm });
    });
    await expect(openModelFolder(folder)).rejects.toMatchObject({
      code: 'weights_mismatch',
      details: {
        missing: [expect.stringMatching(/^model\.layers\.1\.input_layernorm\.weight \[\d+\]$/)],
        misshapen: [expect.stringMatching(/^model\.norm\.weight is \[\d+, 2\] and should be \[\d+\]$/)],
        extra: [expect.stringMatching(/^model\.layers\.0\.self_attn\.q_norm\.weight \[\d+\]$/)],
      },
    });
  });

  test('names without their prefix are not guessed, but the cause is named', async () => {
    const folder = await folderOf('llama', (tensors) => {
      for (const [name, tensor] of Array.from(tensors)) {
        tensors.delete(name);
        tensors.set(name.replace(/^model\./, ''), tensor);
      }
    });
    await expect(openModelFolder(folder)).rejects.toThrow(/names lack "model\."/);
  });

  test('numbers in eight bits', async () => {
    const folder = await folderOf('llama', (tensors) => {
      const { shape } = tensors.get('model.norm.weight')!;
      tensors.set('model.norm.weight', {
        dtype: 'F8_E4M3',
        shape,
        chunks: () => [new Uint8Array(shape[0]!)],
      });
    });
    await expect(openModelFolder(folder)).rejects.toMatchObject({
      code: 'unsupported',
      details: { tensor: 'model.norm.weight', dtype: 'F8_E4M3' },
    });
  });

  test('leftovers of old exports are tolerated and reported', async () => {
    const folder = await folderOf('llama', (tensors) => {
      const buffer = { dtype: 'F32' as const, shape: [1], chunks: () => [new Uint8Array(4)] };
      tensors.set('model.layers.0.self_attn.rotary_emb.inv_freq', buffer);
    });
    const { ignoredTensors } = await openModelFolder(folder);
    expect(ignoredTensors).toEqual(['model.layers.0.self_attn.rotary_emb.inv_freq']);
  });
});

test('keys and values in the files of a layer that reads those of another are left unread', async () => {
  const [own, shared] = [1, 3].map((layer) => `model.layers.${layer}.self_attn`);
  const folder = await folderOf('gemma4-text', (tensors) => {
    for (const name of ['k_proj', 'v_proj', 'k_norm']) {
      tensors.set(`${shared}.${name}.weight`, tensors.get(`${own}.${name}.weight`)!);
    }
  });
  const { ignoredTensors, parameters } = await openModelFolder(folder);
  expect(ignoredTensors).toEqual(['k_norm', 'k_proj', 'v_proj'].map((name) => `${shared}.${name}.weight`));
  expect(parameters.has(`${own}.k_proj.weight`)).toBe(true);
});

describe('an output embedding beside a tied input embedding', () => {
  const embedding = 'model.embed_tokens.weight';

  test('is ignored if it is equal', async () => {
    const folder = await folderOf('llama', (tensors) =>
      tensors.set('lm_head.weight', tensors.get(embedding)!),
    );
    const model = await openModelFolder(folder);
    expect(model).toMatchObject({
      config: { tieWordEmbeddings: true },
      ignoredTensors: ['lm_head.weight'],
      warnings: [],
    });
  });

  test('unties the model if it differs, as in transformers', async () => {
    const folder = await folderOf('llama', (tensors) => {
      const { shape, dtype } = tensors.get(embedding)!;
      const chunks = () => [new Uint8Array(shape[0]! * shape[1]! * 4)];
      tensors.set('lm_head.weight', { dtype, shape, chunks });
    });
    const model = await openModelFolder(folder);
    expect(model).toMatchObject({ config: { tieWordEmbeddings: false } });
    expect(model.parameters.has('lm_head.weight')).toBe(true);
    expect(model.warnings).toEqual([expect.stringMatching(/they are not tied/)]);
  });

  test('stands for the input embedding where that is missing', async () => {
    const folder = await folderOf('llama', (tensors) => {
      tensors.set('lm_head.weight', tensors.get(embedding)!);
      tensors.delete(embedding);
    });
    const model = await openModelFolder(folder);
    expect(model.parameters.get(embedding)?.shape).toEqual(
      causalModel(model.tree).inputEmbedding.weight.shape,
    );
    expect(model.ignoredTensors).toEqual([]);
  });
});

describe('a folder whose weights are not safetensors', () => {
  test.each([
    ['pytorch_model.bin', 'weights_pickled', /can run code .*save_pretrained/],
    ['model.pth', 'weights_pickled', /Convert them once/],
    ['model-q4.gguf', 'unsupported', /name the file itself, .*model-q4\.gguf/],
    ['consolidated.safetensors', 'unsupported', /known layouts/],
    ['model-00001-of-00002.safetensors', 'weights_not_found', /not model\.safetensors\.index\.json/],
    ['README.md', 'weights_not_found', /neither model\.safetensors nor/],
  ])('%s: %s', async (name, code, message) => {
    await copyFile(path.join(families, 'llama', 'config.json'), path.join(scratch, 'config.json'));
    await writeFile(path.join(scratch, name), '');
    await expect(openModelFolder(scratch)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test('that has no config.json or no tokenizer.json', async () => {
    await expect(openModelFolder(scratch)).rejects.toMatchObject({ code: 'model_config_missing' });
    await expect(
      openModelFolder(path.join(families, 'llama'), { tokenizer: 'required' }),
    ).rejects.toMatchObject({
      code: 'tokenizer_not_found',
    });
  });
});

describe('an index that cannot be trusted', () => {
  const source = path.join(families, 'llama-f16-sharded');
  const [firstShard, lastShard] = readdirSync(source)
    .filter((name) => /^model-.*\.safetensors$/.test(name))
    .sort();

  async function withIndex(weightMap: unknown): Promise<string> {
    for (const name of readdirSync(source)) await copyFile(path.join(source, name), path.join(scratch, name));
    const index = path.join(scratch, 'model.safetensors.index.json');
    await rm(index);
    await writeFile(index, JSON.stringify({ weight_map: weightMap }));
    return scratch;
  }

  test.each([
    '../model.safetensors',
    '/etc/passwd',
    'sub/x.safetensors',
    '..',
    'a\\b.safetensors',
    'weights.bin',
  ])('that points to %s is not followed', async (name) => {
    const folder = await withIndex({ 'model.norm.weight': name });
    await expect(openModelFolder(folder)).rejects.toMatchObject({
      code: 'weights_index_invalid',
      message: expect.stringContaining(JSON.stringify(name)),
    });
  });

  test('that names a file that is not there, a wrong file, or no map', async () => {
    await expect(openModelFolder(await withIndex({ x: 'absent.safetensors' }))).rejects.toMatchObject({
      code: 'weights_not_found',
    });
    const { tensors } = await readSafetensorsHeader(path.join(source, firstShard!));
    const wrong = Object.fromEntries([...tensors.keys()].map((name) => [name, lastShard]));
    await expect(openModelFolder(await withIndex(wrong))).rejects.toMatchObject({
      code: 'weights_index_invalid',
    });
    await expect(openModelFolder(await withIndex(['model']))).rejects.toMatchObject({
      code: 'weights_index_invalid',
    });
  });

  test('or two files that both hold a tensor', async () => {
    const [name] = (await readSafetensorsHeader(path.join(source, firstShard!))).tensors.keys();
    const folder = await withIndex({ [name!]: firstShard, other: 'again.safetensors' });
    await copyFile(path.join(source, firstShard!), path.join(folder, 'again.safetensors'));
    await expect(openModelFolder(folder)).rejects.toMatchObject({
      code: 'weights_index_invalid',
      details: { files: ['again.safetensors', firstShard] },
    });
  });
});
