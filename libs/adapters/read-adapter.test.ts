import { readFileSync, readdirSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { adapterNotes } from '#adapters/adapter.js';
import { startOn } from '#adapters/base-layers.js';
import { sizeOf } from '#base/shapes.js';
import { readAdapter } from '#adapters/read-adapter.js';
import { readModelConfig } from '#models/config.js';
import { openModelFolder } from '#models/model-folder.js';
import { readSafetensorsHeader, readTensorF32 } from '#models/safetensors.js';
import { writeSafetensors } from '#models/safetensors-write.js';
import type { FloatTensor } from '#models/safetensors-write.js';
import { buildModel } from '#models/families/registry.js';

const fixtures = fileURLToPath(new URL('../../test/fixtures', import.meta.url));
const qv = path.join(fixtures, 'lora/qv/final');
const llamaFolder = path.join(fixtures, 'families/llama');
const llama = buildModel(await readModelConfig(llamaFolder));

let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(path.join(tmpdir(), 'read-adapter-'))));
afterEach(() => rm(scratch, { recursive: true }));

/** Copies the adapter `qv` with its tensors or its configuration changed. */
async function adapterOf(
  change: (tensors: Map<string, FloatTensor>) => void = () => undefined,
  config: Record<string, unknown> = {},
): Promise<string> {
  const written = JSON.parse(await readFile(path.join(qv, 'adapter_config.json'), 'utf8')) as object;
  await writeFile(path.join(scratch, 'adapter_config.json'), JSON.stringify({ ...written, ...config }));
  const file = await readSafetensorsHeader(path.join(qv, 'adapter_model.safetensors'));
  const tensors = new Map<string, FloatTensor>();
  for (const [name, entry] of file.tensors) {
    tensors.set(name, { data: await readTensorF32(file, entry), shape: entry.shape });
  }
  change(tensors);
  await writeSafetensors(path.join(scratch, 'adapter_model.safetensors'), tensors);
  return scratch;
}
const key = (layer: number, factor: 'A' | 'B', projection = 'q_proj') =>
  `base_model.model.model.layers.${layer}.self_attn.${projection}.lora_${factor}.weight`;

describe('every adapter that PEFT saved is read', () => {
  const adapters = readdirSync(path.join(fixtures, 'lora')).flatMap((name) => [
    `${name}/init`,
    `${name}/final`,
  ]);

  test.each(adapters)('%s', async (name) => {
    const folder = path.join(fixtures, 'lora', name);
    const adapter = await readAdapter(folder);
    const { tensors } = await readSafetensorsHeader(path.join(folder, 'adapter_model.safetensors'));
    const found = [...adapter.modules.values()].flatMap((module) => module.tensors);
    expect(new Set(found.map(({ key }) => key))).toEqual(new Set(tensors.keys()));
    expect(adapter).toMatchObject({ metadata: { format: 'pt' }, ignoredFields: [] });
    for (const module of adapter.modules.values()) {
      for (const { role, key, shape } of module.tensors) {
        expect(tensors.get(key)?.shape).toEqual(shape);
        expect(module.numbers[role]).toHaveLength(sizeOf(shape));
      }
    }
  });
});

test('with the model at hand the layers are those of the model, in its order', async () => {
  const { modules } = await readAdapter(qv, { model: llama });
  const { modules: unordered } = await readAdapter(qv);
  const { family } = JSON.parse(readFileSync(path.join(qv, '../case.json'), 'utf8')) as { family: string };
  expect(family).toBe('llama');
  const paths = [...llama.modules()].map(({ path }) => path).filter((path) => /\.[qv]_proj$/.test(path));
  expect([...modules.keys()]).toEqual(paths);
  expect(new Set(modules.keys())).toEqual(new Set(unordered.keys()));
});

test('factors in half precision are upcast', async () => {
  const exact = await readAdapter(qv);
  for (const [dtype, precision] of [
    ['BF16', 2 ** -8],
    ['F16', 2 ** -10],
  ] as const) {
    const folder = await adapterOf((tensors) =>
      tensors.forEach((tensor, name) => tensors.set(name, { ...tensor, dtype })),
    );
    const half = await readAdapter(folder, { model: llama });
    for (const [path, { numbers }] of half.modules) {
      const expected = exact.modules.get(path)!.numbers['A']!;
      numbers['A']!.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(precision));
    }
  }
});

test('second copies of what is trained whole are left out, as PEFT saves them with bias "all"', async () => {
  const head = 'base_model.model.lm_head';
  const shape = [96, 32];
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => i);
  const folder = await adapterOf(
    (tensors) => {
      tensors.set(`${head}.weight`, { data, shape });
      for (const copy of ['modules_to_save', 'original_module']) {
        tensors.set(`${head}.${copy}.weight`, { data: data.map((value) => -value), shape });
      }
    },
    { modules_to_save: ['lm_head'] },
  );
  for (const options of [{}, { model: llama }]) {
    const { modules } = await readAdapter(folder, options);
    expect(modules.get('lm_head')!.numbers).toEqual({ weight: data });
    expect([...modules.keys()].filter((path) => path.startsWith('lm_head'))).toEqual(['lm_head']);
  }
});

describe('weights that contradict the configuration are refused with key and shapes', () => {
  test('a rank that the configuration does not give', async () => {
    const folder = await adapterOf(undefined, { rank_pattern: { v_proj: 2 } });
    const error = await readAdapter(folder).catch((caught: unknown) => caught as Error);
    expect(error).toMatchObject({ code: 'adapter_mismatch' });
    expect((error as Error).message).toMatch(
      /base_model\.model\.model\.layers\.0\.self_attn\.v_proj\.lora_A\.weight is \[\d+, \d+\] and should be \[2, \d+\]/,
    );
  });

  test('a factor without its other half, with and without the model', async () => {
    const folder = await adapterOf((tensors) => tensors.delete(key(0, 'B')));
    for (const options of [{}, { model: llama }]) {
      await expect(readAdapter(folder, options)).rejects.toMatchObject({
        code: 'adapter_mismatch',
        details: { missing: [key(0, 'B')] },
      });
    }
  });

  test('a layer that the configuration does not name', async () => {
    const folder = await adapterOf(undefined, { target_modules: ['v_proj'] });
    await expect(readAdapter(folder)).rejects.toThrow(
      /which the configuration does not name \(target_modules \["v_proj"\]\)/,
    );
    await expect(readAdapter(folder, { model: llama })).rejects.toMatchObject({
      code: 'adapter_mismatch',
      details: { extra: expect.arrayContaining(['model.layers.0.self_attn.q_proj']) },
    });
  });

  test('a layer of another size than the model has', async () => {
    const folder = await adapterOf((tensors) => {
      const { data, shape } = tensors.get(key(0, 'A'))!;
      tensors.set(key(0, 'A'), { data: data.slice(0, shape[0]! * 3), shape: [shape[0]!, 3] });
    });
    await expect(readAdapter(folder, { model: llama })).rejects.toMatchObject({
      details: { misshapen: [expect.stringMatching(/q_proj\.lora_A\.weight is \[\d+, 3\] and should be/)] },
    });
  });

  test('names of another library', async () => {
    const folder = await adapterOf((tensors) => {
      for (const [name, tensor] of Array.from(tensors)) {
        tensors.delete(name);
        tensors.set(name.replace('base_model.model.', 'lora_te_'), tensor);
      }
    });
    await expect(readAdapter(folder)).rejects.toMatchObject({
      code: 'adapter_mismatch',
      message: expect.stringMatching(/not named like base_model\.model\.MODULE\.lora_A\.weight/),
    });
  });

  test('numbers that are not finite', async () => {
    const folder = await adapterOf((tensors) => {
      tensors.get(key(0, 'A'))!.data[5] = NaN;
    });
    await expect(readAdapter(folder)).rejects.toMatchObject({
      code: 'adapter_not_finite',
      details: { tensor: key(0, 'A'), index: 5 },
    });
  });
});

describe('a folder that is no adapter', () => {
  test('without its files, with pickled weights, with broken JSON', async () => {
    await expect(readAdapter(scratch)).rejects.toMatchObject({ code: 'adapter_not_found' });
    await cp(path.join(qv, 'adapter_config.json'), path.join(scratch, 'adapter_config.json'));
    await expect(readAdapter(scratch)).rejects.toMatchObject({ code: 'adapter_not_found' });
    await writeFile(path.join(scratch, 'adapter_model.bin'), '');
    await expect(readAdapter(scratch)).rejects.toMatchObject({ code: 'adapter_weights_pickled' });
    await rm(path.join(scratch, 'adapter_config.json'));
    await writeFile(path.join(scratch, 'adapter_config.json'), '{');
    await expect(readAdapter(scratch)).rejects.toMatchObject({ code: 'adapter_config_invalid' });
  });

  test('of a newer PEFT is read, its unknown fields reported', async () => {
    const adapter = await readAdapter(await adapterOf(undefined, { use_future: 1 }));
    expect(adapter.ignoredFields).toEqual(['use_future']);
    expect(adapterNotes(adapter)).toEqual([
      'adapter_config.json has fields that are not known here and were ignored: use_future',
    ]);
  });
});

describe('adapters as people have them are read', () => {
  test('without factors for a layer that the configuration names, which is told', async () => {
    const folder = await adapterOf((tensors) => {
      tensors.delete(key(1, 'A'));
      tensors.delete(key(1, 'B'));
    });
    await expect(readAdapter(folder)).resolves.toMatchObject({ missing: [] });
    const adapter = await readAdapter(folder, { model: llama });
    const path = 'model.layers.1.self_attn.q_proj';
    expect(adapter.missing.map((module) => module.path)).toEqual([path]);
    expect(adapter.modules.has(path)).toBe(false);
    expect(adapterNotes(adapter)).toEqual([expect.stringMatching(`^1 of the layers .*${path}$`)]);
  });

  test('with the name of the adapter in every key', async () => {
    const plain = await readAdapter(qv);
    const folder = await adapterOf((tensors) => {
      for (const [name, tensor] of Array.from(tensors)) {
        tensors.delete(name);
        tensors.set(name.replace(/\.weight$/, '.default.weight'), tensor);
      }
    });
    const named = await readAdapter(folder, { model: llama });
    expect(named.missing).toEqual([]);
    for (const [path, { numbers }] of plain.modules) {
      expect(named.modules.get(path)).toMatchObject({ numbers });
    }
  });

  test('but not with two of them', async () => {
    const folder = await adapterOf((tensors) => {
      const name = key(0, 'A');
      tensors.set(name.replace(/\.weight$/, '.other.weight'), tensors.get(name)!);
    });
    await expect(readAdapter(folder)).rejects.toMatchObject({
      code: 'adapter_mismatch',
      message: expect.stringContaining('several adapters, ') as unknown,
    });
  });

  test('in double precision', async () => {
    const exact = await readAdapter(qv);
    const folder = await adapterOf();
    await upcastFile(path.join(folder, 'adapter_model.safetensors'));
    const double = await readAdapter(folder, { model: llama });
    for (const [name, { numbers }] of exact.modules) {
      expect(double.modules.get(name)).toMatchObject({ numbers });
    }
  });

  test.each(['eva', 'orthogonal', 'Orthogonal'])('started as %s, which left the base alone', async (init) => {
    const folder = await adapterOf(undefined, { init_lora_weights: init, eva_config: { rho: 2 } });
    await expect(readAdapter(folder, { model: llama })).resolves.toMatchObject({ ignoredFields: [] });
  });

  test.each(['pissa', 'olora'])(
    'started as %s, but only with the weights that it was taken from',
    async (init) => {
      const folder = await adapterOf(undefined, { init_lora_weights: init });
      await expect(readAdapter(folder, { model: llama })).rejects.toMatchObject({
        code: 'unsupported',
        message: expect.stringContaining('path_initial_model_for_weight_conversion') as unknown,
      });
      const weights = startOn(await openModelFolder(llamaFolder));
      const [plain, read] = [await readAdapter(qv), await readAdapter(folder, { model: llama, weights })];
      expect(read.config).toMatchObject({ init_lora_weights: true, r: 2 * plain.config.r });
      for (const [path, { r, numbers, scale }] of plain.modules) {
        const module = read.modules.get(path)!;
        expect(module).toMatchObject({ r: 2 * r, scale });
        expect(module.numbers['A']!.subarray(0, numbers['A']!.length)).toEqual(numbers['A']);
      }
    },
  );

  test('but not started from what random numbers took out of the base', async () => {
    const folder = await adapterOf(undefined, { init_lora_weights: 'pissa_niter_4' });
    const weights = startOn(await openModelFolder(llamaFolder));
    await expect(readAdapter(folder, { model: llama, weights })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('drawn anew') as unknown,
    });
  });

  test('with patterns of layers that are empty', async () => {
    for (const layers_pattern of ['', []]) {
      const folder = await adapterOf(undefined, { layers_pattern, exclude_modules: layers_pattern });
      await expect(readAdapter(folder, { model: llama })).resolves.toMatchObject({ missing: [] });
    }
  });

  test('but not without weights, as ZeRO-3 leaves them', async () => {
    const folder = await adapterOf((tensors) => {
      for (const name of tensors.keys()) tensors.set(name, { data: new Float32Array(), shape: [0] });
    });
    await expect(readAdapter(folder, { model: llama })).rejects.toMatchObject({
      code: 'adapter_incomplete',
      message: expect.stringMatching(
        /saved without its weights .*stage3_gather_16bit_weights_on_model_save/,
      ) as unknown,
    });
  });
});

/** Makes every F32 tensor of a file F64. */
async function upcastFile(file: string): Promise<void> {
  const bytes = await readFile(file);
  const length = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >;
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    header[name] = {
      ...entry,
      dtype: 'F64',
      data_offsets: entry.data_offsets.map((at) => 2 * at) as [number, number],
    };
  }
  const text = Buffer.from(JSON.stringify(header).padEnd(Math.ceil(JSON.stringify(header).length / 8) * 8));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  const data = bytes.subarray(8 + length);
  const numbers = new Float32Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.length));
  await writeFile(file, Buffer.concat([size, text, Buffer.from(Float64Array.from(numbers).buffer)]));
}
