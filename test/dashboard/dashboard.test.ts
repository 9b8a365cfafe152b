/** The dashboard in Chromium: from a file with a mistake to an adapter. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { join } from 'node:path';
import { list } from 'tar';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { prepareTinyJob, startTestStack, type TestStack } from '../e2e/stack.js';
import { collect, stepsOf, upTo, waitForEnd, waitForStep } from '../e2e/stack-watch.js';
import { axeFindings, chooseCard, launchBrowser, openPage, overflow, type Watched } from './browser.js';

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

const chart = () => watched.page.getByRole('application', { name: /^Loss at step/ });

test('without a job the page says how to make one', async () => {
  await watched.page.goto('/jobs');
  const heading = watched.page.getByRole('heading', { level: 2 });
  await expect.poll(() => heading.innerText()).toBe('No jobs yet');
});

test('a file with a mistake is dropped, read and put right, and gives a plan', async () => {
  const { page, complaints } = watched;
  await page.getByRole('link', { name: 'New job', exact: true }).first().click();
  await chooseCard(page, 'tiny');
  const rows = await readFile(join(stack.home, 'tiny/train.jsonl'), 'utf8');
  await drop(page, 'sums.jsonl', rows.replace('"assistant"', '"helper"'));
  await page.getByText('Line 1').first().waitFor();
  // The browser itself tells its console of every refused request.
  expect(complaints.splice(0)).toEqual([expect.stringContaining('400')]);
  expect(await page.getByRole('button', { name: 'Start the job' }).isEnabled()).toBe(false);
  await drop(page, 'sums.jsonl', rows);
  await page.locator('.chosen', { hasText: 'sums.jsonl: 50 rows of chat' }).waitFor();
  await page.getByLabel('Steps', { exact: true }).fill(String(steps));
  await page.getByLabel('Target modules').fill('q_proj, v_proj');
  await page.getByText('4 layers matched').waitFor();
  expect(await page.locator('mark').allInnerTexts()).toContainEqual(expect.stringContaining('It is 0.'));
  await page.getByRole('img', { name: /^Rows have \d+ to \d+ tokens.*A block holds/ }).waitFor();
  await page.getByText(/^Estimated from .* operations on \d+ processor cores/).waitFor();
});

test('a file is chosen by keys too, sent with its share told, or taken from those that are here', async () => {
  const { page } = watched;
  const input = page.getByLabel(/^Validation data/);
  await page.route('**/v1/files', async (route) => {
    await page.getByRole('progressbar', { name: 'Sending held-out.jsonl' }).waitFor();
    await route.continue();
  });
  await input.setInputFiles({
    name: 'held-out.jsonl',
    mimeType: 'application/jsonl',
    buffer: await readFile(join(stack.home, 'tiny/validation.jsonl')),
  });
  await page.locator('.chosen', { hasText: 'held-out.jsonl: 10 rows of chat' }).waitFor();
  await page.unroute('**/v1/files');
  await page.getByRole('button', { name: 'Do not use held-out.jsonl' }).click();
  await expect.poll(() => page.locator('.chosen').count()).toBe(1);
  await page.getByRole('button', { name: /Uploaded before: validation data/ }).click();
  await page.getByRole('option', { name: 'held-out.jsonl' }).click();
  await page.locator('.chosen', { hasText: 'held-out.jsonl: 10 rows of chat' }).waitFor();
});

test('a preset sets the adapter, and what was filled in survives a reload', async () => {
  const { page } = watched;
  const rank = page.getByLabel('Rank', { exact: true });
  await chooseCard(page, 'Thorough');
  expect(await rank.inputValue()).toBe('32');
  await page.getByLabel('Target modules').fill('q_proj, v_proj');
  await rank.fill('8');
  await page.getByLabel('Alpha', { exact: true }).fill('16');
  await page.reload();
  await page.locator('.chosen', { hasText: 'sums.jsonl: 50 rows of chat' }).waitFor();
  expect(await rank.inputValue()).toBe('8');
  expect(await page.getByLabel('Steps', { exact: true }).inputValue()).toBe(String(steps));
});

test('the job as a text of JavaScript makes the job', async () => {
  const { page } = watched;
  await page.getByRole('tab', { name: 'curl' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  expect(await page.getByRole('tab', { selected: true }).innerText()).toBe('JavaScript');
  const text = await page.getByRole('tabpanel').innerText();
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', text]);
  const made = await stack.client.jobs.get(stdout.trim());
  expect(made).toMatchObject({
    model: 'tiny',
    lora: { r: 8, target_modules: ['q_proj', 'v_proj'] },
    training: { max_steps: steps },
    validation_file: expect.stringMatching(/^file-/),
  });
  await stack.client.jobs.cancel(made.id);
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
  await page.getByRole('application', { name: new RegExp(`^Loss at step ${steps}:`) }).waitFor();
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

test('a chart is zoomed by the wheel with control and by dragging, and double-click shows all', async () => {
  const { page } = watched;
  const showAll = page.getByRole('button', { name: 'Show all steps' });
  const over = page.locator('figure', { has: chart() }).locator('.u-over');
  const box = (await over.boundingBox())!;
  const [middle, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(middle, y);
  await page.keyboard.down('Control');
  await page.mouse.wheel(0, -300);
  await page.keyboard.up('Control');
  await expect.poll(() => showAll.isEnabled()).toBe(true);
  await over.dblclick();
  await expect.poll(() => showAll.isEnabled()).toBe(false);
  await page.mouse.move(middle - 60, y);
  await page.mouse.down();
  await page.mouse.move(middle, y);
  await page.mouse.move(middle + 60, y);
  await page.mouse.up();
  await expect.poll(() => showAll.isEnabled()).toBe(true);
  await over.dblclick();
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

/** Drops a file on the place for training data, as a hand does. */
async function drop(page: Page, name: string, text: string): Promise<void> {
  const data = await page.evaluateHandle(
    `(() => {
      const data = new DataTransfer();
      data.items.add(new File([${JSON.stringify(text)}], ${JSON.stringify(name)}, { type: 'application/jsonl' }));
      return data;
    })()`,
  );
  await page.locator('.drop').first().dispatchEvent('drop', { dataTransfer: data });
}

const stepIn = async (figure: Locator) =>
  /^Step (\d+)/.exec(await figure.locator('.reading').innerText())![1];

test('the adapter of a checkpoint can be taken home', async () => {
  const { page } = watched;
  const link = page.getByRole('link', { name: `Download the adapter of step ${steps}` });
  const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
  const names: string[] = [];
  await list({
    file: await download.path(),
    onReadEntry: ({ path }) => void names.push(path.split('/')[1]!),
  });
  expect(names).toEqual(['README.md', 'adapter_config.json', 'adapter_model.safetensors']);
});

test('the adapter is listed, and can be taken home', async () => {
  const { page } = watched;
  await page.getByRole('link', { name: 'Adapters', exact: true }).click();
  await page.locator('[data-adapter] a').click();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByText(/\.tar$/).click()]);
  expect(download.suggestedFilename()).toMatch(/^adapter-\w+\.tar$/);
});

test('every view fits a telephone and is readable in both themes', async () => {
  const { page } = watched;
  const job = await stack.client.jobs.get(jobId);
  const adapter = job.adapter!;
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme });
    for (const view of [
      '/',
      '/jobs',
      `/jobs/${jobId}`,
      `/new?from=${jobId}`,
      '/adapters',
      `/adapters/${adapter}`,
      '/models',
      '/data',
      `/data/${job.training_file}`,
      '/glossary',
      '/workers',
    ]) {
      await page.setViewportSize({ width: 390, height: 844 });
      await page.goto(view);
      await page.getByRole('heading', { level: 1 }).waitFor();
      if (view.startsWith('/jobs/f')) await chart().waitFor();
      if (view.startsWith('/new')) await page.getByText('Length of the rows').waitFor();
      for (const width of [390, 768, 1440]) {
        await page.setViewportSize({ width, height: 844 });
        expect(await overflow(page), `${view} ${width}`).toBe(0);
        expect(await axeFindings(page), `${view} ${theme} ${width}`).toEqual([]);
      }
      const folder = process.env['SCREENSHOTS'];
      if (folder) {
        const name = `${view.split('/')[1]!.split('?')[0] || 'list'}-${view.split('/').length}-${theme}`;
        await page.screenshot({ path: join(folder, `${name}-390.png`), fullPage: true });
        await page.setViewportSize({ width: 1440, height: 900 });
        await page.screenshot({ path: join(folder, `${name}-1440.png`), fullPage: true });
      }
    }
  }
}, 240_000);

test('the first page is under 200 kB of compressed script, and nothing was complained of', async () => {
  const page = await (await fetch(stack.url)).text();
  const policy = (await fetch(stack.url)).headers.get('content-security-policy');
  expect(policy).toContain("default-src 'none'");
  const scripts = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+\.js)"/g)].map(([, address]) => address!);
  expect(scripts.length).toBeGreaterThan(0);
  const texts = await Promise.all(scripts.map(async (address) => (await fetch(stack.url + address)).text()));
  expect(texts.reduce((sum, text) => sum + gzipSync(text).length, 0)).toBeLessThan(200_000);
  expect(watched.complaints).toEqual([]);
});
