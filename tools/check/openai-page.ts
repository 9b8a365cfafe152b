/**
 * Fails if the table of fields in docs/openai-api.md is not what the contracts and the stock client's types say; with
 * `--write` it is written anew.
 *
 *     node dist/tools/check/openai-page.js [--write]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programRoot } from '#platform/program.js';
import { openaiFieldTable } from './openai-fields.js';
import { withTable } from './openai-table.js';

const file = join(programRoot, 'docs/openai-api.md');
const page = readFileSync(file, 'utf8');
const table = openaiFieldTable();
const { written, isSame } = withTable(page, table);
console.log(table);
if (process.argv.includes('--write')) writeFileSync(file, written);
else if (!isSame) {
  console.error(
    'docs/openai-api.md is behind: node dist/tools/check/openai-page.js --write && npm run format',
  );
  process.exitCode = 1;
}
