/** The golden models of the fixtures whose family is done. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { families } from '#models/families/registry.js';

const folder = join(import.meta.dirname, 'fixtures/families');

function architectureOf(name: string): string | undefined {
  const { architectures } = JSON.parse(readFileSync(join(folder, name, 'config.json'), 'utf8')) as {
    architectures: readonly string[];
  };
  return families.find(({ architecture }) => architecture === architectures[0])?.architecture;
}

/** Names of all of them. */
export const familyNames: readonly string[] = readdirSync(folder).filter((name) => architectureOf(name));

/** Names of one for each family. */
export const oneOfEachFamily: readonly string[] = [
  ...new Map(familyNames.toReversed().map((name) => [architectureOf(name), name])).values(),
].toSorted();
