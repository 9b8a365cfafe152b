import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { kohya, kohyaFile } from '#adapters/exports/kohya.js';
import { kohyaBase, readKohya } from '#adapters/read-kohya.js';
import { openAdapter, readAdapter } from '#adapters/read-adapter.js';
import { writeAdapter } from '#adapters/write-adapter.js';
import { factorsOf } from '#lora/variants/registry.js';
import { openModelFolder } from '#models/model-folder.js';
import { type FloatTensor, writeSafetensors } from '#models/safetensors-write.js';
import { readSafetensorsHeader, readTensorF32 } from '#models/safetensors.js';

const fixtures = join(import.meta.dirname, '../../test/fixtures');
const familyFolder = (base: string) => join(fixtures, 'families', base);
const adapterFolder = (name: string) => join(fixtures, 'lora', name, 'final');

let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(join(tmpdir(), 'kohya-'))));
afterEach(() => rm(scratch, { recursive: true }));

async function exported(base: string, folder: string, dtype: 'f32' | 'f16' = 'f32') {
  const [baseFolder, output] = [familyFolder(base), join(scratch, 'out')];
  const adapter = await openAdapter(folder, { model: (await openModelFolder(baseFolder)).tree });
  await kohya.write({ baseFolder, member: { adapter, weight: 1 }, output, dtype });
  return join(output, kohyaFile);
}

/** Writes a file of a few tensors, and reads it as an adapter of Llama. */
async function read(tensors: Readonly<Record<string, FloatTensor>>, base = 'llama') {
  const file = join(scratch, 'made.safetensors');
  await writeSafetensors(file, new Map(Object.entries(tensors)));
  return readKohya(file, await openModelFolder(familyFolder(base)), 'that was sent');
}

const zeros = (...shape: number[]): FloatTensor => ({
  data: new Float32Array(shape.reduce((size, one) => size * one, 1)),
  shape,
});
const q = 'lora_te_layers_0_self_attn_q_proj';
const layer = (name = q, r = 2, wide = 32) => ({
  [`${name}.lora_down.weight`]: zeros(r, wide),
  [`${name}.lora_up.weight`]: zeros(wide, r),
});

test.each([
  ['llama', 'qv'],
  ['llama', 'patterns'],
  ['llama', 'all-linear-rslora'],
  ['phi3', 'fused-qkv-phi3'],
  ['gpt2', 'gpt2-conv1d'],
  ['qwen3_5-wrapped', 'qwen3_5-wrapped'],
])('an adapter of %s, %s, has the bits of its factors after the way there and back', async (base, name) => {
  const model = await openModelFolder(familyFolder(base));
  const before = await readAdapter(adapterFolder(name), { model: model.tree });
  const content = await readKohya(await exported(base, adapterFolder(name)), model, 'that was sent');
  await writeAdapter(join(scratch, 'back'), content);
  const after = await readAdapter(join(scratch, 'back'), { model: model.tree });
  expect([...after.modules.keys()].toSorted()).toEqual([...before.modules.keys()].toSorted());
  for (const [path, module] of before.modules) {
    const again = after.modules.get(path)!;
    expect(factorsOf(again, again.numbers)).toEqual(factorsOf(module, module.numbers));
    expect(again.scale / module.scale).toBeCloseTo(1, 6);
  }
});

test('convolutions go there and back', async () => {
  const base = await openModelFolder(familyFolder('resnet'));
  const convolution = [...base.tree.modules()].find(({ path }) => path.endsWith('layer.0.convolution'))!;
  const [, flat] = [convolution.path, convolution.path.replaceAll('.', '_')];
  const weight = base.parameters.get(`${convolution.path}.weight`)!;
  const [out, channels, ...kernel] = weight.shape as [number, number, number, number];
  const down = {
    data: Float32Array.from({ length: 2 * channels * 9 }, (_, i) => Math.sin(i)),
    shape: [2, channels, ...kernel],
  };
  const up = { data: Float32Array.from({ length: 2 * out }, (_, i) => Math.cos(i)), shape: [out, 2, 1, 1] };
  const content = await read(
    {
      [`lora_unet_${flat}.lora_down.weight`]: down,
      [`lora_unet_${flat}.lora_up.weight`]: up,
      [`lora_unet_${flat}.alpha`]: { data: Float32Array.of(1), shape: [] },
    },
    'resnet',
  );
  await writeAdapter(join(scratch, 'back'), content);
  const file = await readSafetensorsHeader(await exported('resnet', join(scratch, 'back')));
  const name = [...file.tensors.keys()].find((key) => key.endsWith('.lora_down.weight'))!;
  expect(name).toBe(`lora_unet_${flat.replace(/^resnet_/, '')}.lora_down.weight`);
  const again = file.tensors.get(name)!;
  expect([again.shape, await readTensorF32(file, again)]).toEqual([down.shape, down.data]);
});

test('a layer has its own alpha and half of the bits if they are asked for, and the file names its base', async () => {
  const path = await exported('llama', adapterFolder('patterns'), 'f16');
  const file = await readSafetensorsHeader(path);
  const { modules, config } = await readAdapter(adapterFolder('patterns'));
  expect(file.tensors.size).toBe(3 * modules.size);
  for (const [path, { scale, r }] of modules) {
    const name = path.replace('model.', 'lora_te_').replaceAll('.', '_');
    expect(await readTensorF32(file, file.tensors.get(`${name}.alpha`)!)).toEqual(Float32Array.of(scale * r));
    expect(file.tensors.get(`${name}.lora_up.weight`)!.dtype).toBe('F16');
  }
  expect(file.metadata).toMatchObject({
    ss_network_dim: String(config.r),
    ss_network_alpha: String(config.lora_alpha),
  });
  expect(await kohyaBase(path)).toBe(config.base_model_name_or_path || undefined);
});

test('names with and without the first component of paths are known, and alpha is the rank where there is none', async () => {
  const { modules, config } = await read({
    ...layer(),
    ...layer('lora_te1_model_layers_1_self_attn_q_proj', 4),
    ...layer('lora_te_layers_1_self_attn_o_proj'),
    [`${q}.alpha`]: { data: Float32Array.of(0), shape: [] },
  });
  const scales = [...modules].map(({ path, r, scale }) => `${path} ${r} ${scale}`);
  expect(scales.toSorted()).toEqual([
    'model.layers.0.self_attn.q_proj 2 1',
    'model.layers.1.self_attn.o_proj 2 1',
    'model.layers.1.self_attn.q_proj 4 1',
  ]);
  expect(config.rank_pattern).toEqual({ 'model.layers.1.self_attn.q_proj': 4 });
});

test('a linear layer may be written as a convolution of one place', async () => {
  const { modules } = await read({
    [`${q}.lora_down.weight`]: zeros(2, 32, 1, 1),
    [`${q}.lora_up.weight`]: zeros(32, 2, 1, 1),
  });
  expect([...modules].map(({ path }) => path)).toEqual(['model.layers.0.self_attn.q_proj']);
});

test.each<[what: string, tensors: Readonly<Record<string, FloatTensor>>, message: RegExp]>([
  ['LoHa', { [`${q}.hada_w1_a`]: zeros(2, 2) }, /LoHa .* train it as LoRA or LoCon/],
  ['LoKr', { [`${q}.lokr_w1`]: zeros(2, 2) }, /LoKr .* train it as LoRA or LoCon/],
  ['DoRA', { ...layer(), [`${q}.dora_scale`]: zeros(1, 32) }, /dora_scale belongs to DoRA/],
  [
    'a Tucker form',
    { ...layer(), [`${q}.lora_mid.weight`]: zeros(2, 2, 3, 3) },
    /Tucker .* use_tucker=False/,
  ],
  ['changed biases', { ...layer(), [`${q}.diff_b`]: zeros(32) }, /weights of the base itself/],
  ["PEFT's names", { 'base_model.model.q_proj.lora_A.weight': zeros(2, 32) }, /its adapter_config\.json/],
  ['other names', { ...layer(), other: zeros(2) }, /tensors other are not named like/],
  ['half a layer', { [`${q}.lora_down.weight`]: zeros(2, 32) }, /has no lora_up\.weight/],
  [
    'a layer of another model',
    layer('lora_unet_down_blocks_0_proj'),
    /not in the base model.*down_blocks_0_proj/,
  ],
  ['another size', layer(q, 2, 16), /lora_down of lora_te_layers_0.* is \[2, 16\] and should be \[2, 32\]/],
  ['one layer twice', { ...layer(), ...layer('lora_te_model_layers_0_self_attn_q_proj') }, /as does/],
  [
    'an alpha below 0',
    { ...layer(), [`${q}.alpha`]: { data: Float32Array.of(-1), shape: [] } },
    /alpha is -1/,
  ],
])('%s is refused with the reason', async (_, tensors, message) => {
  await expect(read(tensors)).rejects.toThrow(message);
});

test.each([
  ['llama', 'dora', /as kohya's safetensors: DoRA .* merged/],
  ['llama', 'lora-bias', /as kohya's safetensors: lora_bias/],
  ['llama', 'embedding', /as kohya's safetensors: it changes an embedding/],
  ['llama', 'modules-to-save-head', /as kohya's safetensors: weights of the base itself/],
])('%s with %s is refused with the reason and what would do', async (base, name, message) => {
  await expect(exported(base, adapterFolder(name))).rejects.toThrow(message);
});
