/** Answers that overlap: what was asked for first is answered last. */
import type { Browser, Page, Request, Route } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobCreate } from '#contracts/http/job-create.js';
import { longJob, prepareTinyJob, startTestStack, type TestStack } from '../e2e/stack.js';
import { waitForStatus, waitForStep } from '../e2e/stack-watch.js';
import { chooseCard, launchBrowser, openPage } from './browser.js';

let stack: TestStack;
let browser: Browser;
let page: Page;
let job: JobCreate;

beforeAll(async () => {
  [stack, browser] = await Promise.all([startTestStack(), launchBrowser()]);
  job = await prepareTinyJob(stack);
  ({ page } = await openPage(browser, stack.url));
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await stack?.close();
});

/** Something to wait for until it is opened. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open: () => open(), opened };
}

/** Has the server answer a kind of request, and keeps the answer of the first of them back. */
async function holdFirst(path: string, isMeant: (request: Request) => boolean) {
  const [asked, released, arrived] = [gate(), gate(), gate()];
  let count = 0;
  const answer = async (route: Route) => {
    if (!isMeant(route.request()) || count++ > 0) return route.continue();
    const response = await route.fetch();
    asked.open();
    await released.opened;
    // The page may have given the request up.
    await route.fulfill({ response }).catch(() => undefined);
    arrived.open();
  };
  await page.route(path, answer);
  return {
    asked: asked.opened,
    /** Lets it through, and gives the page time to show it. */
    release: async () => {
      released.open();
      await arrived.opened;
      await page.waitForTimeout(1000);
      await page.unroute(path, answer);
    },
  };
}

test('the plan of a form that was changed since is not shown', async () => {
  const held = await holdFirst('**/v1/fine_tuning/plan', (request) => rankOf(request) === 4);
  await page.goto('/new');
  await chooseCard(page, 'tiny');
  await page.getByRole('button', { name: /Uploaded before: training data/ }).click();
  await page.locator(`[data-key="${job.training_file}"]`).click();
  await page.getByLabel('Target modules').fill('q_proj');
  await page.getByLabel('Rank', { exact: true }).fill('4');
  await held.asked;
  await page.getByLabel('Rank', { exact: true }).fill('6');
  const modules = page.getByRole('region', { name: 'Plan' }).locator('.modules li');
  await expect.poll(() => modules.first().textContent()).toMatch(/rank 6$/);
  await held.release();
  expect(await modules.first().textContent()).toMatch(/rank 6$/);
  await expect.poll(() => page.getByRole('button', { name: 'Start the job' }).isEnabled()).toBe(true);
});

const rankOf = (request: Request) => (request.postDataJSON() as JobCreate).lora?.r;

test('what an action is answered with does not undo what the stream has told since', async () => {
  const { id } = await stack.client.jobs.create(longJob(job));
  await page.goto(`/jobs/${id}`);
  await waitForStep(stack.client, id, 5);
  const held = await holdFirst(`**/v1/fine_tuning/jobs/${id}/pause`, () => true);
  await page.getByRole('button', { name: 'Pause' }).click();
  await held.asked;
  await waitForStatus(stack.client, id, 'paused');
  await page.getByRole('button', { name: 'Resume' }).waitFor();
  await held.release();
  expect(await page.getByRole('button', { name: 'Resume' }).isVisible()).toBe(true);
  expect(await page.locator('.status').first().innerText()).toBe('Paused');
  await stack.client.jobs.cancel(id);
});

test('the job that a stream tells of is not overwritten by one that was read before', async () => {
  const { id } = await stack.client.jobs.create(longJob(job));
  await waitForStep(stack.client, id, 5);
  await page.goto('/jobs');
  const row = page.locator(`[data-job="${id}"]`);
  await row.locator('.status', { hasText: 'Running' }).waitFor();
  // The list is being read, with the job in it as it still runs, when its page is opened.
  const held = await holdFirst('**/v1/fine_tuning/jobs?*', () => true);
  await held.asked;
  await row.getByRole('link').first().click();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel the job' }).click();
  await page.locator('.status', { hasText: 'Cancelled' }).waitFor();
  await held.release();
  expect(await page.locator('.status').first().innerText()).toBe('Cancelled');
  // What the list shows at once, before it is read again.
  const again = await holdFirst('**/v1/fine_tuning/jobs?*', () => true);
  await page.getByRole('link', { name: 'Jobs', exact: true }).click();
  await row.locator('.status', { hasText: 'Cancelled' }).waitFor();
  await again.release();
});
