/** The examples of docs/data.md are what the page says of them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { findTrainedSpans, type TrainingMessage } from '#data/chat.js';
import { loadChatTemplate } from '#data/chat-template.js';
import type { DataError } from '#data/data-error.js';
import { validateDataset } from '#data/dataset.js';
import { loadTokenizer } from '#data/load-tokenizer.js';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/data.md'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'data-page-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Example {
  readonly lines: string;
  readonly says: 'warns' | 'refused' | undefined;
  readonly codes: readonly string[];
}

const examples = [...page.matchAll(/^```jsonl(?: (warns|refused): (.+))?\n([\s\S]*?)^```$/gm)].map(
  ([, says, codes, lines]): Example => ({
    lines: lines!,
    says: says as Example['says'],
    codes: codes?.split(', ') ?? [],
  }),
);

test('the page has examples of every kind of row, of warnings and of refusals', () => {
  const count = (says: Example['says']) => examples.filter((example) => example.says === says).length;
  expect([count(undefined), count('warns'), count('refused')]).toEqual([9, 2, 7]);
});

/** The codes of what a file is refused for, or is warned of. */
async function judge(file: string) {
  try {
    const { rows, warnings } = await validateDataset(file);
    return { isRefused: false, rows, codes: warnings.map(({ code }) => code) };
  } catch (error) {
    return { isRefused: true, rows: 0, codes: (error as DataError).problems.map(({ code }) => code) };
  }
}

test.each(examples)('$says $codes: $lines', async ({ lines, says, codes }) => {
  const file = join(folder, 'example.jsonl');
  writeFileSync(file, lines);
  const isRefused = says === 'refused';
  expect(await judge(file)).toEqual({
    isRefused,
    rows: isRefused ? 0 : lines.trim().split('\n').length,
    codes,
  });
});

test('what the page marks as learned is what is learned', async () => {
  const model = join(root, 'models/prose-4m');
  const tokenizer = await loadTokenizer(model);
  const { messages } = JSON.parse(examples[0]!.lines.split('\n')[1]!) as { messages: TrainingMessage[] };
  const { text, spans } = findTrainedSpans(messages, tokenizer, await loadChatTemplate(model, tokenizer));
  const marked = spans.reduceRight(
    (marks, { start, end }) => `${marks.slice(0, start)}[${marks.slice(start, end)}]${marks.slice(end)}`,
    text,
  );
  expect(page).toContain(`\`\`\`text\n${marked}\`\`\`\n`);
});
