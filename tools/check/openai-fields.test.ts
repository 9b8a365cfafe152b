import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { programRoot } from '#platform/program.js';
import { openaiFieldTable } from './openai-fields.js';
import { withTable } from './openai-table.js';

test("the page of OpenAI's API has every field of the stock client, as it is here", () => {
  const page = readFileSync(join(programRoot, 'docs/openai-api.md'), 'utf8');
  expect(withTable(page, openaiFieldTable()).isSame).toBe(true);
});
