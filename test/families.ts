/** The golden models of the fixtures whose family is done. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Family } from '#models/families/family.js';
import { families } from '#models/families/registry.js';

const folder = join(import.meta.dirname, 'fixtures/families');

function familyOf(name: string): Family | undefined {
  const { architectures } = JSON.parse(readFileSync(join(folder, name, 'config.json'), 'utf8')) as {
    architectures: readonly string[];
  };
  return families.find(({ architecture }) => architecture === architectures[0]);
}

/** Names of all of them. */
export const everyFamily: readonly string[] = readdirSync(folder).filter((name) => familyOf(name));

/** Names of those that predict the next token. */
export const familyNames: readonly string[] = everyFamily.filter((name) => familyOf(name)!.head === 'causal');

/** Names of one for each family that predicts the next token. */
export const oneOfEachFamily: readonly string[] = [
  ...new Map(familyNames.toReversed().map((name) => [familyOf(name)!.architecture, name])).values(),
].toSorted();
