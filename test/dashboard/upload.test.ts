/** Uploads of the page that fail on the way. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeTinyModel } from '../e2e/tiny-job.js';
import { type ApiServer, startApi } from '../integration/api-server.js';
import { chooseCard, launchBrowser, openPage } from './browser.js';

let api: ApiServer;
let browser: Browser;
let page: Page;
let folder: string;

beforeAll(async () => {
  api = await startApi();
  await api.smallJob();
  folder = await mkdtemp(join(tmpdir(), 'upload-'));
  browser = await launchBrowser();
  ({ page } = await openPage(browser, api.url));
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await api?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Sends a file on a connection that breaks once, after something has happened. */
async function sendOverBrokenConnection(
  name: string,
  before: (path: string) => Promise<void>,
): Promise<number> {
  const path = join(folder, name);
  await writeFile(path, `${JSON.stringify({ text: 'one two three' })}\n`);
  let requests = 0;
  await page.goto('/new');
  await page.route('**/v1/files', async (route) => {
    if (route.request().method() !== 'POST' || ++requests > 1) return route.continue();
    await before(path);
    await route.abort('connectionreset');
  });
  await page.getByLabel(/^Training data/).setInputFiles(path);
  await page
    .locator('.chosen', { hasText: `${name}:` })
    .or(page.getByText('the file changed'))
    .waitFor();
  await page.unroute('**/v1/files');
  return requests;
}

test('a file is sent again when the connection breaks', async () => {
  expect(await sendOverBrokenConnection('kept.jsonl', () => Promise.resolve())).toBe(2);
  await page.locator('.chosen', { hasText: 'kept.jsonl: 1 row of text' }).waitFor();
});

test('a file that is not there any more is not sent again', async () => {
  expect(await sendOverBrokenConnection('gone.jsonl', rm)).toBe(1);
  await page.getByText('the file changed while it was sent: send it again').waitFor();
});

test('what a chat template hides of the rows is told with counts, beside the tokens that are learned', async () => {
  const base = join(folder, 'plain-template');
  await writeTinyModel(base);
  const template =
    "{% for m in messages %}{{ m.role + ': ' + m.content + eos_token }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";
  await writeFile(join(base, 'chat_template.jinja'), template);
  await api.register(base);
  const row = (content: unknown) => ({
    messages: [
      { role: 'user', content: 'a?' },
      { role: 'assistant', content },
    ],
  });
  const thought = { type: 'thinking', thinking: 'a comes first' };
  const rows = [
    row('b.'),
    row([thought, { type: 'text', text: 'c.' }]),
    row([thought, { type: 'text', text: 'd.' }]),
  ];
  const path = join(folder, 'thoughts.jsonl');
  await writeFile(path, rows.map((one) => `${JSON.stringify(one)}\n`).join(''));
  await page.goto('/new');
  await chooseCard(page, 'plain-template');
  await page.getByLabel(/^Training data/).setInputFiles(path);
  await page.locator('.chosen', { hasText: 'thoughts.jsonl: 3 rows of chat' }).waitFor();
  const warnings = page.locator('.warning');
  await warnings.filter({ hasText: '2 of 3 rows hold reasoning' }).waitFor();
  const plan = page.getByRole('region', { name: 'Plan' });
  await plan.locator('.warning', { hasText: 'the reasoning of messages in 2 of 3 rows' }).waitFor();
  const preview = page.getByRole('region', { name: 'Preview' });
  const examples = preview.locator('.example');
  expect(await examples.nth(1).textContent()).toMatch(/user: a\?.*assistant: c\./s);
  const learned = await examples.nth(1).locator('mark').allTextContents();
  expect(learned.join('')).toMatch(/^ ?c\./);
  expect(await preview.textContent()).not.toContain('a comes first');
});
