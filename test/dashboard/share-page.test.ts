/** The page of a link, on a telephone and on a desk, light and dark. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Browser } from 'playwright-core';
import { type ApiServer, startApi } from '../integration/api-server.js';
import { storeAdapter } from '../integration/composed-adapters.js';
import { axeFindings, launchBrowser, openPage, overflow } from './browser.js';

let api: ApiServer;
let browser: Browser;
let path: string;

beforeAll(async () => {
  api = await startApi();
  await api.smallJob();
  const adapter = await storeAdapter(api.platform, { seed: 1, r: 2 });
  const { body } = await api.call('POST', '/v1/shares', { adapter });
  path = String(body['path']);
  browser = await launchBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await api?.[Symbol.asyncDispose]();
});

test.each([
  [390, 'light'],
  [390, 'dark'],
  [1440, 'light'],
  [1440, 'dark'],
] as const)('it is read at %i pixels, %s, without a script', async (width, colorScheme) => {
  const { page, complaints } = await openPage(browser, api.url);
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize({ width, height: 844 });
  await page.goto(path);
  expect(await page.textContent('h1')).toBe('LoRA adapter for tiny');
  expect(await overflow(page)).toBe(0);
  const background = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
  expect(background === 'rgb(255, 255, 255)').toBe(colorScheme === 'light');
  expect(await page.evaluate<number>('document.scripts.length')).toBe(0);
  expect(await axeFindings(page)).toEqual([]);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.click('text=adapter_config.json'),
  ]);
  expect(download.suggestedFilename()).toBe('adapter_config.json');
  const folder = process.env['LOWRANK_SCREENSHOTS'];
  if (folder) await page.screenshot({ path: `${folder}/share-${width}-${colorScheme}.png`, fullPage: true });
  expect(complaints).toEqual([]);
  await page.context().close();
});
