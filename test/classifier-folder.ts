/** Golden classifiers as folders with a tokenizer whose words are the ids of the fixtures: `w17` is 17. */
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readTensors } from './golden/golden-case.js';
import { imageJson } from './image-fixtures.js';

const families = join(import.meta.dirname, 'fixtures/families');

const tokenizer = {
  version: '1.0',
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: 'WhitespaceSplit' },
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ Sequence: { id: 'A', type_id: 0 } }],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: {},
  },
  decoder: null,
  model: {
    type: 'WordPiece',
    unk_token: 'w1',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(Array.from({ length: 96 }, (_, id) => [`w${id}`, id])),
  },
};

/** Copies a golden classifier of texts and gives it the tokenizer. */
export async function writeClassifier(family: string, folder: string): Promise<void> {
  await cp(join(families, family), folder, { recursive: true });
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
}

/** Copies a golden classifier of images and gives it a processor. */
export async function writeImageClassifier(family: string, folder: string): Promise<void> {
  await cp(join(families, family), folder, { recursive: true });
  const { config } = goldenImages(family)[0]!;
  await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify(config));
}

interface GoldenImage {
  readonly family: string;
  readonly image: string;
  readonly config: unknown;
  readonly probabilities: readonly number[];
}

/** Files of images and what transformers makes of them with its own processor. */
export function goldenImages(family: string): GoldenImage[] {
  return (imageJson('classes.json') as GoldenImage[]).filter((one) => one.family === family);
}

/** Inputs of a golden case that no mask shortens, and the probabilities of their classes. */
export async function goldenTexts(
  family: string,
): Promise<{ text: string; text_pair?: string; expected: number[] }[]> {
  const golden = await readTensors(join(families, family, 'expected.safetensors'));
  const ids = golden.get('input_ids')!;
  const [texts, length] = ids.shape as [number, number];
  const mask = golden.get('attention_mask')!.values;
  const types = golden.get('token_type_ids')?.values;
  const logits = golden.get('logits')!;
  const classes = logits.shape[1]!;
  return Array.from({ length: texts }, (_, row) => {
    const rows = Array.from({ length }, (_, i) => row * length + i).filter((i) => mask[i] === 1);
    const words = (type: number) =>
      rows.filter((i) => (types?.[i] ?? 0) === type).map((i) => `w${ids.values[i]}`);
    const powers = Array.from(logits.values.slice(row * classes, (row + 1) * classes), (x) => Math.exp(x));
    const total = powers.reduce((sum, power) => sum + power, 0);
    const second = words(1).join(' ');
    return {
      text: words(0).join(' '),
      ...(second === '' ? {} : { text_pair: second }),
      expected: powers.map((power) => power / total),
    };
  });
}
