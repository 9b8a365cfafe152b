import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { families } from '#models/families/registry.js';

const docs = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');

test('no two families answer to one architecture or model type', () => {
  for (const name of ['architecture', 'modelType'] as const) {
    const names = families.map((family) => family[name]);
    expect(new Set(names).size).toBe(names.length);
  }
});

test('docs/models.md has a line for every family, with what an adapter changes by default', () => {
  const lines = docs('docs/models.md')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  const expected = families.map(({ name, architecture, defaultTargets }) => [
    name,
    `\`${architecture}\``,
    [defaultTargets]
      .flat()
      .map((target) => `\`${target.replaceAll('|', '\\|')}\``)
      .join(', '),
  ]);
  expect(lines).toEqual(expected);
});
