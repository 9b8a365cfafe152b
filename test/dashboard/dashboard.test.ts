/** The dashboard in Chromium: from a file with a mistake to an adapter. */
import { gzipSync } from 'node:zlib';
import { join } from 'node:path';
import type { Browser, Locator } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { prepareTinyJob, startTestStack, type TestStack } from '../e2e/stack.js';
import { collect, stepsOf, upTo, waitForEnd, waitForStep } from '../e2e/stack-watch.js';
import { axeFindings, launchBrowser, openPage, overflow, type Watched } from './browser.js';

let stack: TestStack;
let browser: Browser;
let watched: Watched;
let jobId: string;
const steps = 400;

beforeAll(async () => {
  [stack, browser] = await Promise.all([startTestStack(), launchBrowser()]);
  await prepareTinyJob(stack);
  watched = await openPage(browser, stack.url);
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await stack?.close();
});

const chart = () => watched.page.getByRole('img', { name: /^Loss at step/ });

test('without a job the page says how to make one', async () => {
  await watched.page.goto('/');
  const heading = watched.page.getByRole('heading', { level: 2 });
  await expect.poll(() => heading.innerText()).toBe('No job yet');
});

test('a file with a mistake is refused with its line, and one without gives a plan', async () => {
  const { page, complaints } = watched;
  await page.getByRole('link', { name: 'New job', exact: true }).first().click();
  await page.getByLabel('Base model').selectOption('tiny');
  const data = page.getByLabel(/^Training data/);
  await data.setInputFiles({
    name: 'bad.jsonl',
    mimeType: 'application/jsonl',
    buffer: Buffer.from('{"text":"a"}\n{"messages":7}\n'),
  });
  await page.getByText('Line 2').first().waitFor();
  // The browser itself tells its console of every refused request.
  expect(complaints.splice(0)).toEqual([expect.stringContaining('400')]);
  await data.setInputFiles(join(stack.home, 'tiny/train.jsonl'));
  await page.getByLabel('Steps', { exact: false }).fill(String(steps));
  await page.getByLabel('Target modules').fill('q_proj, v_proj');
  await page.getByText('4 modules matched').waitFor();
  expect(await page.locator('mark').allInnerTexts()).toContainEqual(expect.stringContaining('It is 0.'));
});

test('the curve grows, and a reload in the middle loses and doubles nothing', async () => {
  const { page } = watched;
  await page.getByRole('button', { name: 'Start the job' }).click();
  await page.waitForURL(/\/jobs\/ftjob-/);
  jobId = page.url().split('/').at(-1)!;
  await waitForStep(stack.client, jobId, 5);
  await chart().waitFor();
  await page.reload();
  await chart().waitFor();
  await waitForEnd(stack.client, jobId);
  await page.getByRole('img', { name: new RegExp(`^Loss at step ${steps}:`) }).waitFor();
  expect(await stepsOf(stack.client, jobId)).toEqual(upTo(steps));
  const events = await collect(stack.client.jobs.events(jobId));
  await expect.poll(() => page.locator('.events li').count()).toBe(events.length);
});

test('a chart is zoomed by keys', async () => {
  await chart().focus();
  await watched.page.keyboard.press('+');
  const showAll = watched.page.getByRole('button', { name: 'Show all steps' });
  await expect.poll(() => showAll.isEnabled()).toBe(true);
  await showAll.click();
  await expect.poll(() => showAll.isEnabled()).toBe(false);
});

test('the values of a step are read by the pointer and by keys, exactly', async () => {
  const { page } = watched;
  const metrics = await collect(stack.client.jobs.metrics(jobId, { kind: 'step' }));
  const loss = (step: number) => Number((metrics[step - 1]!.values['loss'] as number).toPrecision(6));
  const figure = page.locator('figure', { has: chart() });
  const box = (await figure.locator('.u-over').boundingBox())!;
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const reading = figure.locator('.reading');
  await expect.poll(() => reading.innerText()).toMatch(/^Step 20\d/);
  const [, step, value] = /^Step (\d+)\s+training ([\d.]+)/.exec(await reading.innerText())!;
  expect(Number(value)).toBe(loss(Number(step)));
  await page.mouse.move(0, 0);
  await chart().focus();
  await page.keyboard.press('Shift+ArrowRight');
  await expect
    .poll(() => figure.locator('[aria-live]').innerText())
    .toMatch(new RegExp(`^Step \\d+, training ${loss(Number(await stepIn(figure)))}`));
  await page.keyboard.press('Escape');
});

const stepIn = async (figure: Locator) =>
  /^Step (\d+)/.exec(await figure.locator('.reading').innerText())![1];

test('the adapter is listed, and can be taken home', async () => {
  const { page } = watched;
  await page.getByRole('link', { name: 'Adapters', exact: true }).click();
  await page.locator('.rows a').click();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByText(/\.tar$/).click()]);
  expect(download.suggestedFilename()).toMatch(/^adapter-\w+\.tar$/);
});

test('every view fits a telephone and is readable in both themes', async () => {
  const { page } = watched;
  const adapter = (await stack.client.jobs.get(jobId)).adapter!;
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme });
    for (const view of [
      '/',
      `/jobs/${jobId}`,
      `/new?from=${jobId}`,
      '/adapters',
      `/adapters/${adapter}`,
      '/workers',
    ]) {
      await page.setViewportSize({ width: 390, height: 844 });
      await page.goto(view);
      await page.getByRole('heading', { level: 1 }).waitFor();
      if (view.startsWith('/jobs/')) await chart().waitFor();
      expect(await overflow(page), view).toBe(0);
      expect(await axeFindings(page), `${view} ${theme}`).toEqual([]);
      const folder = process.env['SCREENSHOTS'];
      if (folder) {
        const name = `${view.split('/')[1]!.split('?')[0] || 'list'}-${view.split('/').length}-${theme}`;
        await page.screenshot({ path: join(folder, `${name}-390.png`), fullPage: true });
        await page.setViewportSize({ width: 1440, height: 900 });
        await page.screenshot({ path: join(folder, `${name}-1440.png`), fullPage: true });
      }
    }
  }
});

test('the first page is under 200 kB of compressed script, and nothing was complained of', async () => {
  const page = await (await fetch(stack.url)).text();
  const policy = (await fetch(stack.url)).headers.get('content-security-policy');
  expect(policy).toContain("default-src 'none'");
  const scripts = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, address]) => address!);
  expect(scripts.length).toBeGreaterThan(0);
  const texts = await Promise.all(scripts.map(async (address) => (await fetch(stack.url + address)).text()));
  expect(texts.reduce((sum, text) => sum + gzipSync(text).length, 0)).toBeLessThan(200_000);
  expect(watched.complaints).toEqual([]);
});
