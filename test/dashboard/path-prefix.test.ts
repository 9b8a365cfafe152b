/** The page under a path of its host. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Browser } from 'playwright-core';
import { type ApiServer, startApi } from '../integration/api-server.js';
import { storeAdapter } from '../integration/composed-adapters.js';
import { launchBrowser, openPage } from './browser.js';

const prefix = '/tools/lowrank';
let api: ApiServer;
let browser: Browser;
let adapter: string;

beforeAll(async () => {
  api = await startApi({ environment: { LOWRANK_PATH_PREFIX: prefix } });
  await api.smallJob();
  adapter = await storeAdapter(api.platform, { seed: 1, r: 2 });
  browser = await launchBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await api?.[Symbol.asyncDispose]();
});

test('it is loaded, walked through and asked for files there, and nowhere else', async () => {
  const { page, complaints } = await openPage(browser, api.url);
  const outside: string[] = [];
  page.on('request', (request) => {
    const { pathname, protocol } = new URL(request.url());
    if (protocol === 'http:' && !pathname.startsWith(`${prefix}/`)) outside.push(pathname);
  });
  await page.goto(`${prefix}/`);
  await page.click('nav >> text=Adapters');
  await page.waitForURL(`**${prefix}/adapters`);
  await page.click('table a, main li a');
  await page.waitForURL(`**${prefix}/adapters/${adapter}`);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.click('a[download="adapter_config.json"]'),
  ]);
  expect(new URL(download.url()).pathname).toBe(`${prefix}/v1/adapters/${adapter}/files/adapter_config.json`);
  // The address of a view is loaded as it is.
  await page.reload();
  await page.waitForSelector('a[download="adapter_config.json"]');
  await page.goto(`${prefix}/new`);
  await page.waitForSelector('text=Start the job');
  expect(outside).toEqual([]);
  expect(complaints).toEqual([]);
  await page.context().close();
});
