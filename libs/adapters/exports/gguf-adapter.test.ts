import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ggufAdapter } from '#adapters/exports/gguf-adapter.js';
import { openAdapter } from '#adapters/read-adapter.js';
import { UnsupportedError } from '#base/errors.js';
import { mergeDelta } from '#lora/merge-delta.js';
import { factorsOf } from '#lora/variants/registry.js';
import { reorderHeads } from '#models/gguf/gguf-model.js';
import { openModelFolder } from '#models/model-folder.js';
import { readGguf } from '../../../test/read-gguf.js';

const fixtures = join(import.meta.dirname, '../../../test/fixtures');

let scratch: string;
beforeEach(async () => void (scratch = await mkdtemp(join(tmpdir(), 'gguf-adapter-'))));
afterEach(() => rm(scratch, { recursive: true }));

async function exported(base: string, adapter: string, dtype: 'f32' | 'f16' = 'f32') {
  const [baseFolder, output] = [join(fixtures, 'families', base), join(scratch, 'out')];
  const { model } = { model: (await openModelFolder(baseFolder)).tree };
  const opened = await openAdapter(join(fixtures, 'lora', adapter, 'final'), { model });
  await ggufAdapter.write({ baseFolder, member: { adapter: opened, weight: 1 }, output, dtype });
  return { opened, file: readGguf(await readFile(join(output, `adapter-${dtype}.gguf`))), output };
}

/** scale * B A, [out, in]. */
const product = (A: Float32Array, B: Float32Array, r: number, scale: number) => {
  const [inFeatures, outFeatures] = [A.length / r, B.length / r];
  return mergeDelta(
    new Float32Array(inFeatures * outFeatures),
    { A, B },
    { r, inFeatures, outFeatures, scale },
  );
};

const llamaNames = { q_proj: 'attn_q', k_proj: 'attn_k', v_proj: 'attn_v', o_proj: 'attn_output' };

test.each([
  ['llama', 'patterns', 'llama'],
  ['llama', 'all-linear-rslora', 'llama'],
  ['qwen3', 'qwen3-all-linear', 'qwen3'],
  ['gemma3-text', 'gemma3-all-linear', 'gemma3'],
  ['phi3', 'fused-qkv-phi3', 'phi3'],
])(
  'a file of %s gives the products of %s with one alpha, in the order of llama.cpp',
  async (base, name, kind) => {
    const { opened, file } = await exported(base, name);
    const alpha = file.metadata.get('adapter.lora.alpha') as number;
    expect(Object.fromEntries(file.metadata)).toMatchObject({
      'general.architecture': kind,
      'general.type': 'adapter',
      'adapter.type': 'lora',
    });
    expect(file.tensors.size).toBe(2 * opened.modules.size);
    for (const [path, module] of opened.modules) {
      const [, layer, local] = /layers\.(\d+)\.(?:self_attn|mlp)\.(\w+)$/.exec(path)!;
      const known: Readonly<Record<string, string>> = {
        ...llamaNames,
        qkv_proj: 'attn_qkv',
        gate_up_proj: 'ffn_up',
        gate_proj: 'ffn_gate',
        up_proj: 'ffn_up',
        down_proj: 'ffn_down',
      };
      const key = `blk.${layer}.${known[local!]}.weight`;
      const [a, b] = [file.tensors.get(`${key}.lora_a`)!, file.tensors.get(`${key}.lora_b`)!];
      expect([a.shape, b.shape]).toEqual([
        [module.r, module.inFeatures],
        [module.outFeatures, module.r],
      ]);
      const { A, B } = factorsOf(module, await opened.readNumbers(path));
      const own = product(A, B, module.r, module.scale);
      const isTurned = kind === 'llama' && /[qk]_proj$/.test(path);
      const expected = isTurned ? reorderHeads(own, module.inFeatures, 8) : own;
      const found = product(a.data, b.data, module.r, alpha / module.r);
      for (const [i, value] of found.entries()) expect(value).toBeCloseTo(expected[i]!, 6);
    }
  },
);

test('factors keep their bits where one alpha and one rank say all', async () => {
  const { opened, file } = await exported('llama', 'qv');
  const path = 'model.layers.1.self_attn.v_proj';
  const { A, B } = factorsOf(opened.modules.get(path)!, await opened.readNumbers(path));
  expect(file.tensors.get('blk.1.attn_v.weight.lora_a')!.data).toEqual(A);
  expect(file.tensors.get('blk.1.attn_v.weight.lora_b')!.data).toEqual(B);
  expect(file.metadata.get('adapter.lora.alpha')).toBe(opened.config.lora_alpha);
});

test('the first two rows of a head are the first entries of its halves', () => {
  const rows = Float32Array.from([0, 1, 2, 3, 4, 5, 6, 7]);
  expect([...reorderHeads(rows, 1, 4)]).toEqual([0, 2, 1, 3, 4, 6, 5, 7]);
});

test('a Modelfile names the file', async () => {
  const { output } = await exported('llama', 'qv', 'f16');
  expect(await readFile(join(output, 'Modelfile'), 'utf8')).toMatch(/^ADAPTER \.\/adapter-f16\.gguf$/m);
});

test.each([
  ['llama', 'dora', /as GGUF: DoRA changes the length of the weight as well .* merged/],
  ['llama', 'lora-bias', /as GGUF: lora_bias adds a bias/],
  ['llama', 'embedding', /as GGUF: it changes an embedding \(model\.embed_tokens\)/],
  ['llama-linear-rope-bias', 'bias-all', /as GGUF: weights of the base itself were trained/],
  ['llama', 'modules-to-save-head', /as GGUF: weights of the base itself were trained/],
  ['gpt2', 'gpt2-conv1d', /as GGUF: GPT-2 models are not written for llama\.cpp/],
  ['resnet', 'resnet-conv', /as GGUF: it tells classes apart/],
])('%s with %s is refused with the reason and what would do', async (base, name, message) => {
  const refused = exported(base, name);
  await expect(refused).rejects.toThrow(UnsupportedError);
  await expect(refused).rejects.toThrow(message);
});
