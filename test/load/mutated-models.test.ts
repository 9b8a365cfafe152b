/** Models and adapters of other programs with bytes changed, cut and doubled at random: each is read or refused as the caller's fault. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kohya, kohyaFile } from '#adapters/exports/kohya.js';
import { mergedGguf } from '#adapters/exports/merged-gguf.js';
import { openAdapter } from '#adapters/read-adapter.js';
import { readKohya } from '#adapters/read-kohya.js';
import { kindOf } from '#base/errors.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import { readParameter } from '#models/frozen-weights.js';
import { openModelFolder } from '#models/model-folder.js';
import { mutate, randomOf } from './mutate.js';

const files = 2000;
const fixtures = join(import.meta.dirname, '../fixtures');
/** Changes fall on what says how the rest is read as often as on the numbers, which are most of a file. */
const headBytes = 4096;

let scratch: string;
let base: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'mutated-models-'));
  base = join(scratch, 'llama');
  await cp(join(fixtures, 'families/llama'), base, { recursive: true });
  const vocab = { '<unk>': 0, '▁': 3, a: 4, b: 5, ab: 6, '▁ab': 7, '<0x0A>': 8 };
  const model = { type: 'BPE', vocab, merges: ['a b', '▁ ab'], unk_token: '<unk>', byte_fallback: true };
  const tokenizer = {
    model,
    added_tokens: ['<unk>', '<s>', '</s>'].map((content, id) => ({ id, content, special: true })),
    normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    decoder: { type: 'ByteFallback' },
  };
  await writeFile(join(base, 'tokenizer.json'), JSON.stringify(tokenizer));
  const tokens = { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>' };
  await writeFile(join(base, 'tokenizer_config.json'), JSON.stringify(tokens));
});
afterAll(() => rm(scratch, { recursive: true }));

async function exported(format: typeof kohya, name: string, dtype: 'f32' | 'q8_0'): Promise<Buffer> {
  const output = join(scratch, `out-${dtype}-${name}`);
  const { tree: model } = await openModelFolder(base);
  const adapter = await openAdapter(join(fixtures, 'lora/qv/final'), { model });
  await format.write({ baseFolder: base, member: { adapter, weight: 1 }, output, dtype });
  return readFile(join(output, name));
}

const readGguf = async (file: string) => {
  const { parameters } = await openModelFolder(file);
  await loadTokenizer(file);
  for (const parameter of parameters.values()) await readParameter(parameter);
};

test.each([
  { what: 'gguf in f32', content: () => exported(mergedGguf, 'model-f32.gguf', 'f32'), read: readGguf },
  { what: 'gguf in q8_0', content: () => exported(mergedGguf, 'model-q8_0.gguf', 'q8_0'), read: readGguf },
  {
    what: 'kohya',
    content: () => exported(kohya, kohyaFile, 'f32'),
    read: async (file: string) => {
      const { modules } = await readKohya(file, await openModelFolder(base), 'that was sent');
      expect([...modules].length).toBeGreaterThan(0);
    },
  },
])(
  '$what',
  async ({ what, content, read }) => {
    const whole = await content();
    const [head, rest] = [whole.subarray(0, headBytes), whole.subarray(headBytes)];
    const random = randomOf(7);
    const file = join(scratch, what.startsWith('gguf') ? 'mutated.gguf' : 'mutated.safetensors');
    await writeFile(file, whole);
    await read(file);
    let refused = 0;
    for (let i = 0; i < files; i++) {
      await writeFile(
        file,
        random() < 0.5 ? mutate(whole, random) : Buffer.concat([mutate(head, random), rest]),
      );
      try {
        await read(file);
      } catch (error) {
        if (kindOf(error) !== 'caller') throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(files / 10);
    expect(process.memoryUsage().rss).toBeLessThan(1.5e9);
  },
  600_000,
);
