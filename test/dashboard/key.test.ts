/** The page of a server that asks for a key. */
import { readFile } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiServer, startApi } from '../integration/api-server.js';
import { storeAdapter } from '../integration/composed-adapters.js';
import { launchBrowser, openPage } from './browser.js';

let api: ApiServer;
let browser: Browser;
let adapter: string;
let secret: string;

beforeAll(async () => {
  api = await startApi();
  await api.smallJob();
  adapter = await storeAdapter(api.platform, { seed: 1, r: 2 });
  ({ secret } = await api.keys.create({ name: 'page', project: 'default' }));
  browser = await launchBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await api?.[Symbol.asyncDispose]();
});

test('it asks for the key, and reads, downloads and uploads with it', async () => {
  const { page } = await openPage(browser, api.url);
  await page.goto(`/adapters/${adapter}`);
  await page.getByRole('alert').first().waitFor();
  await page.getByLabel(/asks for an API key/).fill(secret);
  await page.getByRole('button', { name: 'Use this key' }).click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.click('a[download="adapter_config.json"]'),
  ]);
  const { body } = await api.call('GET', `/v1/adapters/${adapter}`, undefined, {
    authorization: `Bearer ${secret}`,
  });
  expect(JSON.parse(await readFile(await download.path(), 'utf8'))).toEqual(body['config']);
  await page.goto('/new');
  const rows = `${JSON.stringify({ text: 'one two three' })}\n`;
  const file = { name: 'few.jsonl', mimeType: 'application/jsonl', buffer: Buffer.from(rows) };
  await page.getByLabel(/^Validation data/).setInputFiles(file);
  await page.locator('.chosen', { hasText: 'few.jsonl: 1 row of text' }).waitFor();
  await page.context().close();
});
