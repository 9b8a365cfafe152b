/**
 * Fails if docs/support.md is not what the registries say; with `--write` it is written anew.
 *
 *     node dist/tools/check/support-page.js [--write]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programRoot } from '#platform/program.js';
import { supportPage } from './support-matrix.js';

const file = join(programRoot, 'docs/support.md');
const page = supportPage();
if (process.argv.includes('--write')) {
  writeFileSync(file, page);
} else if (readFileSync(file, 'utf8') !== page) {
  console.error('docs/support.md is not what the registries say: npm run check:support -- --write');
  process.exitCode = 1;
} else {
  console.log('docs/support.md is as it should be.');
}
