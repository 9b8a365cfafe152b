/** The dashboard in Chromium by keys alone: from the sample job to nothing. */
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestStack, type TestStack } from '../e2e/stack.js';
import { waitForEnd, waitForStep } from '../e2e/stack-watch.js';
import { axeFindings, launchBrowser, openPage, overflow, type Watched } from './browser.js';

let stack: TestStack;
let browser: Browser;
let watched: Watched;
let page: Page;
let sample: string;

beforeAll(async () => {
  [stack, browser] = await Promise.all([startTestStack(), launchBrowser()]);
  watched = await openPage(browser, stack.url);
  ({ page } = watched);
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await stack?.close();
});

const path = () => new URL(page.url()).pathname;

async function enter(target: Locator): Promise<void> {
  await target.focus();
  await page.keyboard.press('Enter');
}

/** Goes on from the button that does nothing, which has the focus first. */
async function confirm(keep: string): Promise<void> {
  await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe(keep);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
}

test('the sample job is started by one key and stopped by another', async () => {
  await page.goto('/');
  await enter(page.getByRole('button', { name: 'Run the sample job' }));
  await page.waitForURL(/\/jobs\/ftjob-/);
  sample = path().split('/').at(-1)!;
  await waitForStep(stack.client, sample, 1);
  await enter(page.getByRole('button', { name: 'Cancel', exact: true }));
  await confirm('Keep running');
  expect((await waitForEnd(stack.client, sample)).status).toBe('cancelled');
  await page.getByRole('button', { name: 'Delete', exact: true }).waitFor();
});

test('the palette goes to a job by its name, and on a phone the menu goes to every view', async () => {
  const { model, training_file } = await stack.client.jobs.get(sample);
  for (const suffix of ['second', 'third']) {
    const { id } = await stack.client.jobs.create({ model, training_file, suffix });
    await stack.client.jobs.cancel(id);
  }
  await page.goto('/adapters');
  await page.getByRole('heading', { name: 'Adapters', level: 1 }).waitFor();
  await page.keyboard.press('Control+k');
  await page.getByRole('searchbox', { name: /^Search jobs/ }).waitFor();
  await page.getByRole('menuitem', { name: /third/ }).waitFor();
  await page.keyboard.type('third');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'third' }).waitFor();
  await page.setViewportSize({ width: 390, height: 844 });
  await enter(page.getByRole('button', { name: 'More' }));
  await enter(page.getByRole('dialog', { name: 'All views' }).getByRole('link', { name: 'Models' }));
  await page.getByRole('heading', { name: 'Models', level: 1 }).waitFor();
  expect(path()).toBe('/models');
});

test('three jobs are chosen by the space bar, compared, and deleted at last', async () => {
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.goto('/jobs');
  const boxes = page.getByRole('checkbox', { name: /^Select (?!all)/ });
  await boxes.nth(2).waitFor();
  for (let i = 0; i < 3; i++) {
    await boxes.nth(i).focus();
    await page.keyboard.press('Space');
  }
  const chosen = page.getByRole('region', { name: 'Selected jobs' });
  await enter(chosen.getByRole('button', { name: 'Compare' }));
  await page.waitForURL(/\/compare\?jobs=/);
  expect(new URL(page.url()).searchParams.get('jobs')!.split(',')).toHaveLength(3);
  await page.getByRole('columnheader', { name: /third/ }).first().waitFor();
  await page.goBack();
  await page.getByRole('checkbox', { name: 'Select all shown jobs' }).focus();
  await page.keyboard.press('Space');
  await enter(chosen.getByRole('button', { name: 'Delete' }));
  await confirm('Keep it');
  await page.getByText('3 jobs deleted.').waitFor();
  await page.getByRole('heading', { name: 'No jobs yet' }).waitFor();
  await expect(stack.client.jobs.get(sample)).rejects.toMatchObject({ code: 'fine_tuning_job_not_found' });
});

test.each([
  ['adapters', '/adapters', '**/v1/adapters?*'],
  ['compose', '/compose', '**/v1/adapters?*'],
  ['jobs', '/jobs', '**/v1/fine_tuning/jobs?*'],
])('%s are readable while they load and when they cannot be read', async (_, view, address) => {
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    await page.route(address, async (route) => {
      await held;
      await route.fulfill({
        status: 403,
        json: {
          error: { message: 'the key was revoked', type: 'invalid_request_error', param: null, code: 'x' },
        },
      });
    });
    await page.goto(view);
    await page.getByRole('heading', { level: 1 }).waitFor();
    const look = async (state: string) => {
      for (const width of [390, 768, 1440]) {
        await page.setViewportSize({ width, height: 844 });
        await expect.poll(() => overflow(page), { message: `${state} ${width}` }).toBe(0);
        expect(await axeFindings(page), `${state} ${theme} ${width}`).toEqual([]);
      }
    };
    await look('loading');
    release();
    await page.getByRole('alert').first().waitFor();
    await look('failed');
    await page.unroute(address);
  }
  // The browser itself tells its console of every refused request.
  const refused = watched.complaints.splice(0);
  for (const text of refused) expect(text).toMatch(/status of 403/);
});

test('nothing was complained of', () => {
  expect(watched.complaints).toEqual([]);
});
