import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readModelConfig } from '#models/config.js';
import type { Family } from '#models/families/family.js';
import { buildModel, families, familyOf } from '#models/families/registry.js';
import { everyFamily } from '../../../test/families.js';

const docs = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');

test('no two families answer to one architecture or model type', () => {
  const architectures = families.map(({ architecture }) => architecture);
  expect(new Set(architectures).size).toBe(architectures.length);
  const classifiers = new Set(families.map(({ sequenceClassifier }) => sequenceClassifier));
  const types = families
    .filter(({ architecture }) => !classifiers.has(architecture))
    .map(({ modelType }) => modelType);
  expect(new Set(types).size).toBe(types.length);
});

test('a model is what its family says', async () => {
  const fixtures = fileURLToPath(new URL('../../../test/fixtures/families', import.meta.url));
  for (const name of everyFamily) {
    const config = await readModelConfig(path.join(fixtures, name));
    const { head, inputs } = buildModel(config);
    expect({ head, inputs }).toEqual({ head: familyOf(config).head, inputs: familyOf(config).inputs });
  }
});

test('an adapter changes by default what PEFT chooses for the architecture', () => {
  const file = new URL('default-targets.golden.json', import.meta.url);
  const peft = JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, string | readonly string[]>>;
  const known = families.filter(({ modelType }) => Object.hasOwn(peft, modelType));
  expect(known.length).toBeGreaterThan(8);
  for (const { modelType, defaultTargets } of known) {
    expect({ modelType, targets: defaultTargets }).toEqual({ modelType, targets: peft[modelType] });
  }
});

/** The lines of a table of the page after a heading, cell by cell. */
function tableAfter(heading: string): string[][] {
  const text = docs('docs/models.md');
  const lines = text.slice(text.indexOf(heading)).split('\n');
  const start = lines.findIndex((line) => line.startsWith('|'));
  const end = lines.findIndex((line, i) => i > start && !line.startsWith('|'));
  return lines.slice(start + 2, end).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const code = (text: string) => `\`${text.replaceAll('|', '\\|')}\``;

test('docs/models.md has a line for every family, with what an adapter changes by default', () => {
  const targetsOf = ({ defaultTargets }: Family) => [defaultTargets].flat().map(code).join(', ');
  const decoders = families.filter(({ head }) => head === 'causal');
  expect(tableAfter('# Models')).toEqual(
    decoders.map((family) => [
      family.name,
      code(family.architecture),
      family.sequenceClassifier ? code(family.sequenceClassifier) : '',
      targetsOf(family),
    ]),
  );
  const asClassifiers = new Set(decoders.map(({ sequenceClassifier }) => sequenceClassifier));
  const others = families.filter(
    ({ head, architecture }) => head !== 'causal' && !asClassifiers.has(architecture),
  );
  expect(tableAfter('## Encoders and image models')).toEqual(
    others.map((family) => [
      family.name,
      code(family.architecture),
      { tokens: 'texts', images: 'images' }[family.inputs],
      targetsOf(family),
    ]),
  );
});
