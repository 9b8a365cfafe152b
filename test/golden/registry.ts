/** Which golden cases there are and what runs each. */
import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UnsupportedError } from '#base/errors.js';
import { runComposeCase } from './compose.js';
import { runDpoCase } from './dpo.js';
import { runFamilyCase } from './families.js';
import type { GoldenResult } from './golden-case.js';
import { runInitCase } from './inits.js';
import { runLayerCase } from './layers.js';
import { runLoraCase } from './lora.js';
import { runMagnitudeCase } from './magnitudes.js';
import { runPeftLayerCase } from './peft-layers.js';
import { runTokenizerCase } from './tokenizers.js';

type RunCase = (folder: string, root: string) => Promise<GoldenResult>;

const runners: Readonly<Record<string, RunCase>> = {
  compose: (folder, root) => runComposeCase(folder, join(root, 'families')),
  dpo: (folder, root) => runDpoCase(folder, join(root, 'families')),
  families: runFamilyCase,
  inits: (folder, root) => runInitCase(folder, join(root, 'families'), basename(folder)),
  layers: runLayerCase,
  lora: (folder, root) => runLoraCase(folder, join(root, 'families')),
  magnitudes: (folder, root) => runMagnitudeCase(folder, join(root, 'families')),
  'peft-layers': runPeftLayerCase,
  tokenizers: runTokenizerCase,
};

/** One folder of golden numbers. */
export interface GoldenCase {
  /** Kind and name, as in `lora/qv`. */
  readonly name: string;
  /** Compares our numbers with the golden ones; throws UnsupportedError for what is not done. */
  readonly run: () => Promise<GoldenResult>;
}

function foldersIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => statSync(join(folder, name)).isDirectory())
    .toSorted();
}

/** A kind whose cases are folders of their own, or are themselves one case (a case.json directly inside). */
function casesOf(root: string, kind: string): string[] {
  const isCase = readdirSync(join(root, kind)).includes('case.json');
  return isCase ? [kind] : foldersIn(join(root, kind)).map((name) => `${kind}/${name}`);
}

/** Every case below a folder of golden numbers. */
export function goldenCases(root: string): GoldenCase[] {
  return foldersIn(root)
    .flatMap((kind) => casesOf(root, kind))
    .map((name) => {
      const kind = name.split('/', 1)[0]!;
      const run = async () => {
        const runner = runners[kind];
        if (!runner)
          throw new UnsupportedError(`golden cases of the kind ${kind} are not supported`, { kind });
        return runner(join(root, name), root);
      };
      return { name, run };
    });
}
