import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { convertTensor, plainDtype } from '#models/convert-tensor.js';
import { openModelFolder } from '#models/model-folder.js';
import { readSafetensorsHeader, readTensorF32 } from '#models/safetensors.js';
import { writeSafetensors } from '#models/safetensors-write.js';
import { EXPORT_DTYPES, writeModelFolder } from '#models/write-model-folder.js';
import type { ModelWriteOptions } from '#models/write-model-folder.js';

const families = join(import.meta.dirname, '../../test/fixtures/families');
let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(join(tmpdir(), 'write-model-'))));
afterEach(() => rm(scratch, { recursive: true }));

async function write(folder: string, options: ModelWriteOptions) {
  const base = await openModelFolder(folder);
  const tensors = [...base.parameters].map(
    ([name, parameter]) => [name, convertTensor(parameter, EXPORT_DTYPES[options.dtype])] as const,
  );
  const out = join(scratch, 'out');
  const written = await writeModelFolder(out, base, new Map(tensors), options);
  return { base, written, copy: await openModelFolder(out) };
}

async function numbers(folder: Awaited<ReturnType<typeof openModelFolder>>, name: string) {
  const parameter = folder.parameters.get(name)!;
  const { file, offset, byteLength, shape } = parameter;
  const dtype = plainDtype(parameter);
  return readTensorF32({ path: file }, { dtype, offset, byteLength, shape });
}

describe('the copy of a model is that model', () => {
  test.each(['llama', 'llama-bf16', 'llama-f16-sharded', 'llama-untied', 'qwen2'])('%s', async (family) => {
    const { base, copy } = await write(join(families, family), { dtype: 'f32' });
    expect([...copy.parameters.keys()]).toEqual([...base.parameters.keys()]);
    for (const name of base.parameters.keys()) {
      expect(await numbers(copy, name)).toEqual(await numbers(base, name));
    }
  });

  test('a copy in the format of the original has its bytes', async () => {
    const { base, copy } = await write(join(families, 'llama-bf16'), { dtype: 'bf16' });
    const [one, two] = [base.weightFiles[0]!.realPath, copy.weightFiles[0]!.realPath];
    const data = async (file: string) => {
      const { tensors, size } = await readSafetensorsHeader(file);
      const first = Math.min(...[...tensors.values()].map(({ offset }) => offset));
      return (await readFile(file)).subarray(first, size);
    };
    expect((await data(two)).equals(await data(one))).toBe(true);
  });
});

describe('config.json', () => {
  const text = (folder: string) => readFile(join(scratch, folder, 'config.json'), 'utf8');
  const copyBase = async (family: string) => {
    await cp(join(families, family), join(scratch, 'base'), { recursive: true });
    return join(scratch, 'base');
  };

  test.each([
    ['torch_dtype', 'llama'],
    ['dtype', 'qwen2-yarn'],
  ])('says the new number format as %s and is otherwise the text that it was', async (field, family) => {
    await write(await copyBase(family), { dtype: 'bf16' });
    const after = await text('out');
    expect(JSON.parse(after)).toMatchObject({ [field]: 'bfloat16' });
    expect(after.replace('bfloat16', 'float32')).toBe(await text('base'));
  });

  test('gets a number format if it had none', async () => {
    const folder = await copyBase('llama');
    const { torch_dtype: _, ...config } = JSON.parse(await text('base')) as { torch_dtype: string };
    await writeFile(join(folder, 'config.json'), JSON.stringify(config));
    await write(folder, { dtype: 'f16' });
    expect(JSON.parse(await text('out'))).toEqual({ torch_dtype: 'float16', ...config });
  });

  test('says that the embeddings are not tied, if the files turned out to hold two', async () => {
    const folder = await copyBase('llama-untied');
    const written = await text('base');
    await writeFile(join(folder, 'config.json'), written.replace(/("tie_word_embeddings": )false/, '$1true'));
    const { base, copy } = await write(folder, { dtype: 'f32' });
    expect(base.warnings).toHaveLength(1);
    expect(copy.warnings).toEqual([]);
  });
});

test('what belongs to the model comes along, and nothing else', async () => {
  const folder = join(scratch, 'base');
  await cp(join(families, 'llama'), folder, { recursive: true });
  const along = [
    'LICENSE',
    'chat_template.jinja',
    'generation_config.json',
    'tokenizer.json',
    'tokenizer_config.json',
  ];
  for (const name of [...along, 'README.md', 'pytorch_model.bin', 'tokenizer.json.bak']) {
    await writeFile(join(folder, name), name);
  }
  const templates = join(folder, 'additional_chat_templates');
  await mkdir(templates);
  for (const name of ['tool_use.jinja', 'notes.txt']) await writeFile(join(templates, name), name);
  await write(folder, { dtype: 'f32' });
  const names = await readdir(join(scratch, 'out'));
  const written = [...along, 'additional_chat_templates', 'config.json', 'model.safetensors'];
  expect(names.toSorted()).toEqual(written.toSorted());
  expect(await readdir(join(scratch, 'out/additional_chat_templates'))).toEqual(['tool_use.jinja']);
  expect(await readFile(join(scratch, 'out/tokenizer.json'), 'utf8')).toBe('tokenizer.json');
});

describe('shards', () => {
  test('hold at most what they may, with an index of every tensor', async () => {
    const maxShardBytes = 20_000;
    const { written, copy, base } = await write(join(families, 'llama'), { dtype: 'f32', maxShardBytes });
    expect(written.shards.length).toBeGreaterThan(2);
    expect(written.shards[0]).toBe(
      `model-00001-of-${String(written.shards.length).padStart(5, '0')}.safetensors`,
    );
    let total = 0;
    for (const { realPath } of copy.weightFiles) {
      const { tensors } = await readSafetensorsHeader(realPath);
      const bytes = [...tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
      expect(bytes <= maxShardBytes || tensors.size === 1).toBe(true);
      total += bytes;
    }
    const index = JSON.parse(await readFile(join(scratch, 'out/model.safetensors.index.json'), 'utf8')) as {
      metadata: { total_size: number };
      weight_map: Record<string, string>;
    };
    expect(index.metadata.total_size).toBe(total);
    expect(written.totalBytes).toBe(total);
    expect(Object.keys(index.weight_map).toSorted()).toEqual([...base.parameters.keys()].toSorted());
  });

  test('of no size are refused', async () => {
    const refusal = write(join(families, 'llama'), { dtype: 'f32', maxShardBytes: 0 });
    await expect(refusal).rejects.toMatchObject({ code: 'shard_size_invalid' });
  });
});

describe('nothing is left', () => {
  test('of an export that is stopped', async () => {
    const stop = new AbortController();
    const onProgress = ({ doneBytes, totalBytes }: { doneBytes: number; totalBytes: number }) =>
      doneBytes > totalBytes / 2 && stop.abort(new Error('enough'));
    const refusal = write(join(families, 'llama'), { dtype: 'f32', signal: stop.signal, onProgress });
    await expect(refusal).rejects.toThrow('enough');
    expect(await readdir(scratch)).toEqual([]);
  });

  test('of an export of a number that float16 does not hold', async () => {
    const folder = join(scratch, 'base');
    await cp(join(families, 'llama'), folder, { recursive: true });
    const file = join(folder, 'model.safetensors');
    const { tensors } = await readSafetensorsHeader(file);
    const all = new Map<string, { data: Float32Array; shape: readonly number[] }>();
    for (const [name, entry] of tensors) {
      all.set(name, { data: await readTensorF32({ path: file }, entry), shape: entry.shape });
    }
    all.get('model.norm.weight')!.data[3] = 70_000;
    await writeSafetensors(file, all);
    await expect(write(folder, { dtype: 'f16' })).rejects.toMatchObject({
      code: 'weight_not_finite',
      message: 'model.norm.weight holds 70000 at 3, too large for float16: export as bf16 or f32',
    });
    expect(await readdir(scratch)).toEqual(['base']);
    await expect(write(folder, { dtype: 'bf16' })).resolves.toBeDefined();
  });
});
