/** A job's page over a connection that breaks, with the job paused, resumed and cancelled meanwhile. */
import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { longJob, prepareTinyJob, startTestStack, type TestStack } from '../e2e/stack.js';
import { cuttingProxy, type CuttingProxy } from '../e2e/stack-proxy.js';
import { collect, stepsOf, upTo, waitForEnd, waitForStatus, waitForStep } from '../e2e/stack-watch.js';
import { launchBrowser, openPage } from './browser.js';

let stack: TestStack;
let browser: Browser;
let proxy: CuttingProxy;
let page: Page;

beforeAll(async () => {
  [stack, browser] = await Promise.all([startTestStack(), launchBrowser()]);
  proxy = await cuttingProxy(stack.url);
  ({ page } = await openPage(browser, proxy.url));
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await proxy?.close();
  await stack?.close();
});

/** Waits until the page shows a step or a later one. */
async function shows(step: number): Promise<void> {
  const chart = page.getByRole('application', { name: /^Loss at step/ });
  const shown = async () => Number(/step (\d+)/.exec((await chart.getAttribute('aria-label'))!)![1]);
  await chart.waitFor();
  await expect.poll(shown, { timeout: 30_000 }).toBeGreaterThanOrEqual(step);
}

test('cuts of the stream lose nothing and double nothing, in steps and in events', async () => {
  const { id } = await stack.client.jobs.create(longJob(await prepareTinyJob(stack)));
  await page.goto(`/jobs/${id}`);
  for (const step of [20, 60, 100]) {
    await waitForStep(stack.client, id, step);
    await shows(step);
    proxy.cut();
  }
  await shows(150);
  const context = page.context();
  await context.setOffline(true);
  proxy.cut();
  await page.getByText('Connection lost. Reconnecting…').waitFor();
  await waitForStep(stack.client, id, 250);
  await context.setOffline(false);
  await shows(250);

  await page.getByRole('button', { name: 'Pause' }).click();
  await waitForStatus(stack.client, id, 'paused');
  await page.getByRole('button', { name: 'Resume' }).click();
  const { step } = (await stack.client.jobs.get(id)).progress;
  await waitForStep(stack.client, id, step + 20);
  proxy.cut();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel the job' }).click();
  await waitForEnd(stack.client, id);
  await page.locator('.status', { hasText: 'Cancelled' }).waitFor();

  const steps = await stepsOf(stack.client, id);
  expect(steps).toEqual(upTo(steps.length));
  await shows(steps.length);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download CSV' }).click(),
  ]);
  const rows = (await readFile(await download.path(), 'utf8')).trim().split('\n').slice(1);
  const trained = rows.map((row) => row.split(',')).filter(([, loss]) => loss !== '');
  expect(trained.map(([shown]) => Number(shown))).toEqual(steps);
  const events = (await collect(stack.client.jobs.events(id))).map(({ message }) => message).reverse();
  const shown = page.locator('.events li');
  await expect.poll(() => shown.count()).toBe(events.length);
  const texts = await shown.allInnerTexts();
  expect(texts.map((text, i) => text.endsWith(events[i]!))).toEqual(events.map(() => true));
});
