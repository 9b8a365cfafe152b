import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openModelFolder } from '#models/model-folder.js';
import { readSafetensorsHeader, readTensorF32 } from '#models/safetensors.js';
import { writeSafetensors } from '#models/safetensors-write.js';
import { trainedClasses, withClasses } from '#models/with-classes.js';

const families = join(import.meta.dirname, '../../test/fixtures/families');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'with-classes-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A family's golden classifier as the files of another class of transformers have its body. */
async function writeBody(
  family: string,
  { architecture, nameOf }: { architecture: string; nameOf: (name: string) => string | undefined },
): Promise<string> {
  const path = join(folder, architecture);
  await cp(join(families, family), path, { recursive: true });
  const config = JSON.parse(await readFile(join(path, 'config.json'), 'utf8')) as object;
  await writeFile(join(path, 'config.json'), JSON.stringify({ ...config, architectures: [architecture] }));
  const file = await readSafetensorsHeader(join(families, family, 'model.safetensors'));
  const tensors = await Promise.all(
    [...file.tensors]
      .filter(([, { dtype }]) => dtype === 'F32')
      .map(async ([name, entry]) => {
        const data = await readTensorF32(file, entry);
        return [nameOf(name), { data, shape: entry.shape }] as const;
      }),
  );
  const kept = tensors.flatMap(([name, tensor]) => (name === undefined ? [] : [[name, tensor] as const]));
  await rm(join(path, 'model.safetensors'));
  await writeSafetensors(join(path, 'model.safetensors'), new Map(kept));
  return path;
}

test.each([
  { architecture: 'BertModel', family: 'bert', prefix: 'bert.', pooler: true },
  { architecture: 'BertForMaskedLM', family: 'bert', prefix: '', pooler: false },
  { architecture: 'RobertaModel', family: 'roberta', prefix: 'roberta.', pooler: true },
  { architecture: 'ViTModel', family: 'vit', prefix: 'vit.', pooler: true },
  { architecture: 'ResNetModel', family: 'resnet', prefix: 'resnet.', pooler: true },
])('the body of $architecture is given a head that nobody has trained', async (given) => {
  const { architecture, family, prefix, pooler } = given;
  const isHead = (name: string) => name.startsWith('classifier');
  const path = await writeBody(family, {
    architecture,
    nameOf: (name) => {
      if (isHead(name) || (!pooler && name.includes('pooler'))) return undefined;
      return name.startsWith(prefix) ? name.slice(prefix.length) : name;
    },
  });
  const base = await openModelFolder(path);
  expect(trainedClasses(base)).toBeUndefined();
  const model = withClasses(base, ['a', 'b', 'c', 'd', 'e']);
  const golden = await openModelFolder(join(families, family));
  const untrained = [...golden.parameters.keys()].filter(
    (name) => isHead(name) || (!pooler && name.includes('pooler')),
  );
  expect(model.untrained).toEqual(untrained);
  expect([...model.parameters.keys()]).toEqual(
    [...golden.parameters.keys()].filter((name) => !untrained.includes(name)),
  );
  expect(model.config).toMatchObject({ architecture: golden.config.architecture, labels: { length: 5 } });
});

test('a decoder is given one, and a classifier keeps its own for the same classes only', async () => {
  const decoder = await openModelFolder(join(families, 'llama'));
  const model = withClasses(decoder, ['no', 'yes']);
  expect([model.config.architecture, model.tree.head]).toEqual([
    'LlamaForSequenceClassification',
    'classify',
  ]);
  expect(model.untrained).toEqual(['score.weight']);
  const classifier = await openModelFolder(join(families, 'llama-classifier'));
  const own = trainedClasses(classifier)!;
  expect(withClasses(classifier, own)).toBe(classifier);
  expect(withClasses(classifier, [...own].reverse()).untrained).toEqual(['score.weight']);
});

test('a family without a class for it in transformers is refused by name', async () => {
  const wrapped = await openModelFolder(join(families, 'qwen3_5-wrapped'));
  expect(() => withClasses(wrapped, ['no', 'yes'])).toThrow(
    /Qwen3_5ForConditionalGeneration cannot tell classes apart: transformers has no classification head for it/,
  );
});

test('files of a classifier that lack its head are no model', async () => {
  const path = await writeBody('bert', {
    architecture: 'BertForSequenceClassification',
    nameOf: (name) => (name.startsWith('classifier') ? undefined : name),
  });
  await expect(openModelFolder(path)).rejects.toThrow(/missing: classifier.weight/);
});
