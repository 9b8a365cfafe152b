/** A classifier of texts on the page: planned, trained, looked at and asked. */
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestStack, type TestStack } from '../e2e/stack.js';
import { waitForEnd } from '../e2e/stack-watch.js';
import { moodNames, moodSentences, writeTinyModel } from '../e2e/tiny-job.js';
import { axeFindings, chooseCard, launchBrowser, openPage, overflow, type Watched } from './browser.js';

let stack: TestStack;
let browser: Browser;
let watched: Watched;

beforeAll(async () => {
  [stack, browser] = await Promise.all([startTestStack(), launchBrowser()]);
  await writeTinyModel(join(stack.home, 'tiny/model'));
  await stack.client.models.add({ name: 'tiny', folder: join(stack.home, 'tiny/model') });
  watched = await openPage(browser, stack.url);
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await stack?.close();
});

const rows = (from: number, to: number) =>
  Buffer.from(
    moodSentences(from, to)
      .map((row) => `${JSON.stringify(row)}\n`)
      .join(''),
  );
const jsonl = (name: string, buffer: Buffer) => ({ name, mimeType: 'application/jsonl', buffer });

test('the plan names the classes, and the first rows their own', async () => {
  const { page } = watched;
  await page.goto('/new');
  await chooseCard(page, 'tiny');
  await page.getByLabel(/^Training data/).setInputFiles(jsonl('moods.jsonl', rows(0, 90)));
  await page.getByLabel(/^Validation data/).setInputFiles(jsonl('others.jsonl', rows(90, 120)));
  await page.locator('.chosen', { hasText: 'moods.jsonl: 90 rows of labelled' }).waitFor();
  await chooseCard(page, 'Classification');
  await page.getByText(moodNames.join(', ')).waitFor();
  expect(await page.locator('mark').allTextContents()).toEqual(expect.arrayContaining(moodNames));
});

test('the job shows which classes are taken for which', async () => {
  const { page } = watched;
  await page.getByLabel('Steps', { exact: true }).fill('20');
  await page.getByLabel('Learning rate').fill('0.02');
  await page.getByRole('button', { name: 'Start the job' }).click();
  await page.waitForURL(/\/jobs\/ftjob-/);
  const id = page.url().split('/').at(-1)!;
  await waitForEnd(stack.client, id);
  const table = page.locator('.confusion');
  await table.getByRole('row').nth(3).waitFor();
  const cells = (await table.locator('td').allInnerTexts()).map(Number);
  expect(cells).toHaveLength(9);
  expect(cells.reduce((sum, count) => sum + count)).toBe(30);
  expect(await table.getByRole('rowheader').allInnerTexts()).toEqual(moodNames);
  expect(await axeFindings(page)).toEqual([]);
});

test('its adapter is asked for the class of a text', async () => {
  const { page, complaints } = watched;
  // Before the method was chosen a plan may have been refused: the browser tells its console.
  complaints.splice(0);
  await page.locator('a[href*="/adapters/adapter-"]').first().click();
  await page.getByText(`It tells apart: ${moodNames.join(', ')}.`).waitFor();
  await page.getByLabel('A text').fill(moodSentences(200, 201)[0]!.text);
  await page.getByRole('button', { name: 'Which class?' }).click();
  const list = page.getByRole('list', { name: 'Probabilities' });
  await list.getByRole('listitem').nth(2).waitFor();
  const shares = (await list.locator('output').allInnerTexts()).map(Number);
  expect(shares).toEqual(shares.toSorted((a, b) => b - a));
  expect(shares.reduce((sum, share) => sum + share)).toBeCloseTo(1, 2);
  expect(await axeFindings(page)).toEqual([]);
  expect(await overflow(page)).toBe(0);
  expect(complaints).toEqual([]);
});
