import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { engineVersion, lowrankVersion } from '#training/engine-version.js';

test('the version is that of the package', () => {
  const file = join(import.meta.dirname, '../../package.json');
  expect(lowrankVersion).toBe((JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version);
});

test('the engine version names every part', () => {
  expect(engineVersion()).toMatch(/^lowrank \d+\.\d+\.\d+, graph \d+, onnxruntime \d+\.\d+\.\d+/);
});
