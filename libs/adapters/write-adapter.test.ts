import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readAdapter } from '#adapters/read-adapter.js';
import { writeAdapter } from '#adapters/write-adapter.js';
import { parseLoraConfig } from '#lora/config.js';
import { targetModule } from '#lora/variants/registry.js';

const lora = fileURLToPath(new URL('../../test/fixtures/lora', import.meta.url));
const unsupported = /bias-all|gpt2/;
const adapters = readdirSync(lora).filter((name) => !unsupported.test(name));

let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(path.join(tmpdir(), 'write-adapter-'))));
afterEach(() => rm(scratch, { recursive: true }));

const q = 'model.layers.0.self_attn.q_proj';
const numbers = { A: Float32Array.of(1, 2, 3, 4), B: Float32Array.of(5, 6) };
const layer = { kind: 'linear', inFeatures: 2, outFeatures: 1 };
const modules = [{ ...targetModule(q, layer, { r: 2, loraAlpha: 8, scale: 4 }), numbers }];
const config = parseLoraConfig({ r: 2, target_modules: ['q_proj'] });

const read = (folder: string, file: string) => readFile(path.join(folder, file));

describe('an adapter of PEFT, read and written again, has the same weights byte for byte and the same configuration', () => {
  test.each(adapters)('%s', async (name) => {
    const original = path.join(lora, name, 'final');
    const copy = path.join(scratch, 'copy');
    const { config, modules, metadata } = await readAdapter(original);
    await writeAdapter(copy, { config, modules: modules.values(), metadata });
    const weights = 'adapter_model.safetensors';
    expect((await read(copy, weights)).equals(await read(original, weights))).toBe(true);
    // PEFT writes sets in an order of their own.
    const json = async (folder: string): Promise<object> =>
      JSON.parse((await read(folder, 'adapter_config.json')).toString(), (_, value: unknown) =>
        Array.isArray(value) ? value.toSorted((a, b) => (String(a) < String(b) ? -1 : 1)) : value,
      ) as object;
    expect(await json(copy)).toEqual(await json(original));
    expect(Object.keys(await json(copy))).toEqual(Object.keys(await json(original)).toSorted());
  });
});

test('equal content in another order gives equal bytes', async () => {
  const { config, modules } = await readAdapter(path.join(lora, 'all-linear-rslora/final'));
  const [one, two] = [path.join(scratch, 'one'), path.join(scratch, 'two')];
  await writeAdapter(one, { config, modules: modules.values() });
  await writeAdapter(two, {
    config: { ...config, target_modules: [config.target_modules].flat().toReversed() as string[] },
    modules: [...modules.values()].toReversed(),
  });
  expect((await readdir(one)).toSorted()).toEqual([
    'README.md',
    'adapter_config.json',
    'adapter_model.safetensors',
  ]);
  for (const file of await readdir(one)) {
    expect((await readFile(path.join(two, file))).equals(await readFile(path.join(one, file)))).toBe(true);
  }
});

test('the order of patterns is kept, for the first that matches wins', async () => {
  const folder = path.join(scratch, 'adapter');
  const rank_pattern = { 'self_attn.q_proj': 2, 'layers.0.self_attn.q_proj': 1 };
  await writeAdapter(folder, { config: { ...config, r: 4, rank_pattern }, modules });
  expect(Object.keys((await readAdapter(folder)).config.rank_pattern)).toEqual(Object.keys(rank_pattern));
  expect((await readAdapter(folder)).modules.get(q)).toMatchObject({ r: 2, inFeatures: 2, outFeatures: 1 });
});

test('targets that are not concrete are written as the paths that were trained', async () => {
  const folder = path.join(scratch, 'adapter');
  await writeAdapter(folder, { config: { ...config, target_modules: 'all-linear' }, modules });
  expect((await readAdapter(folder)).config.target_modules).toEqual([q]);
});

test('what PEFT has no field for is not written, since it would warn of it', async () => {
  const folder = path.join(scratch, 'adapter');
  await writeAdapter(folder, {
    config: { ...config, lora_dropout: 0.1, lora_dropout_on: 'output' },
    modules,
  });
  const written = await readFile(path.join(folder, 'adapter_config.json'), 'utf8');
  expect(Object.keys(JSON.parse(written) as object)).not.toContain('lora_dropout_on');
  expect((await readAdapter(folder)).config).toMatchObject({ lora_dropout: 0.1, lora_dropout_on: 'input' });
});

test('factors can be stored in half precision, with texts of our own in the header', async () => {
  const folder = path.join(scratch, 'adapter');
  await writeAdapter(folder, { config, modules, dtype: 'BF16', metadata: { base: 'sha256:0' } });
  const { metadata, modules: half } = await readAdapter(folder);
  expect(metadata).toEqual({ base: 'sha256:0', format: 'pt' });
  expect(half.get(q)?.numbers['A']).toEqual(numbers.A);
});

describe('nothing is written', () => {
  test.each([
    [
      'of factors that the configuration does not name',
      { config: { ...config, target_modules: ['v_proj'] } },
      'adapter_invalid',
    ],
    ['of factors of another rank', { config: { ...config, r: 3 } }, 'adapter_invalid'],
    ['of no factors', { modules: [] }, 'adapter_invalid'],
    [
      'of numbers that are not finite',
      { modules: [{ ...modules[0]!, numbers: { ...numbers, B: Float32Array.of(1, Infinity) } }] },
      'adapter_not_finite',
    ],
  ])('%s', async (_, change, code) => {
    const folder = path.join(scratch, 'adapter');
    await expect(writeAdapter(folder, { config, modules, ...change })).rejects.toMatchObject({ code });
    expect(await readdir(scratch)).toEqual([]);
  });

  test('over an adapter that exists', async () => {
    const folder = path.join(scratch, 'adapter');
    await writeAdapter(folder, { config, modules });
    await expect(writeAdapter(folder, { config, modules })).rejects.toMatchObject({ code: 'folder_exists' });
    expect(await readdir(scratch)).toEqual(['adapter']);
  });
});

async function card(base_model_name_or_path: string | null): Promise<string> {
  const folder = path.join(scratch, String(base_model_name_or_path));
  await writeAdapter(folder, { config: { ...config, base_model_name_or_path }, modules });
  return readFile(path.join(folder, 'README.md'), 'utf8');
}

test('the model card names the base model only if there is one', async () => {
  expect(await card('SmolLM2')).toMatch(/^---\nbase_model: "SmolLM2"\nlibrary_name: peft\n/);
  expect(await card(null)).not.toMatch(/base_model:/);
});

test('patterns and odd names cannot break the model card', async () => {
  const folder = path.join(scratch, 'adapter');
  const odd = { rank_pattern: { 'q_proj|x': 2 }, base_model_name_or_path: 'a|b\n# c' };
  await writeAdapter(folder, { config: { ...config, ...odd }, modules });
  const text = await readFile(path.join(folder, 'README.md'), 'utf8');
  expect(text).toContain('\nbase_model: "a|b\\n# c"\n');
  expect(text).toContain('\n| base model | a\\|b # c |\n');
  expect(text).toContain('\n| rank r | 2; 2 at q\\_proj\\|x |\n');
});
