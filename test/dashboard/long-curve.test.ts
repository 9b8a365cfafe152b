/** A curve of 100,000 steps in Chromium: read in seconds, every step once, moved smoothly. */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { prepareTinyJob, startTestStack, type TestStack } from '../e2e/stack.js';
import { waitForEnd } from '../e2e/stack-watch.js';
import { launchBrowser, openPage, type Watched } from './browser.js';
import { evaluateEvery, writeLongHistory } from './long-job.js';

const steps = 100_000;
const minFramesPerSecond = 30;
const panMilliseconds = 2000;
const mouseMilliseconds = 10;
let stack: TestStack;
let browser: Browser;
let watched: Watched;
let jobId: string;

beforeAll(async () => {
  // Nobody runs the job: its history is written here.
  [stack, browser] = await Promise.all([startTestStack({ workers: 0 }), launchBrowser()]);
  jobId = (await stack.client.jobs.create(await prepareTinyJob(stack))).id;
  await stack.client.jobs.cancel(jobId);
  await waitForEnd(stack.client, jobId);
  await writeLongHistory(stack, jobId, steps);
  watched = await openPage(browser, stack.url);
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await stack?.close();
});

const plot = (title: string) =>
  watched.page.getByRole('application', { name: new RegExp(`^${title} at step`) });

test('it is read in seconds, tells how far it is, and has every step exactly once', async () => {
  const { page } = watched;
  const started = performance.now();
  await page.goto(`/jobs/${jobId}`);
  await page.getByText(/^Reading the curves: [\d,]+ of 100,000 steps$/).waitFor();
  await page.getByRole('application', { name: /^Loss at step 100000:/ }).waitFor();
  const save = page.getByRole('button', { name: 'Download CSV' });
  await expect.poll(() => save.isEnabled(), { timeout: 30_000 }).toBe(true);
  const seconds = (performance.now() - started) / 1000;
  console.log(`100,000 steps were read in ${seconds.toFixed(1)} s`);
  expect(seconds).toBeLessThan(20);
  const [download] = await Promise.all([page.waitForEvent('download'), save.click()]);
  const lines = (await readFile(await download.path(), 'utf8')).trim().split('\n').slice(1);
  expect(lines).toHaveLength(steps);
  const rows = lines.map((line) => line.split(','));
  expect(rows.every(([step], i) => step === String(i + 1))).toBe(true);
  expect(rows.filter((row) => row[6] !== '').map(([step]) => Number(step))).toEqual(
    Array.from({ length: steps / evaluateEvery }, (_, i) => (i + 1) * evaluateEvery),
  );
  expect(Number(rows[51_233]![1])).toBeCloseTo(
    1 + 3 * Math.exp(-51_234 / 20_000) + 0.2 * Math.sin(51_234),
    10,
  );
});

// Once more where the machine stood still.
test('it is moved by the mouse at 30 frames a second or more', { retry: 2 }, async () => {
  const { page } = watched;
  await plot('Loss').focus();
  await page.keyboard.press('0');
  await page.keyboard.press('+');
  await page.getByRole('radio', { name: 'Move' }).click();
  const box = (await plot('Loss').locator('.u-over').boundingBox())!;
  const [left, right] = [box.x + 20, box.x + box.width - 20];
  const y = box.y + box.height / 2;
  await page.mouse.move((left + right) / 2, y);
  await page.mouse.down();
  await countFrames(page);
  const started = performance.now();
  // A mouse tells of itself a hundred times a second and waits for nobody.
  const moves: Promise<void>[] = [];
  while (performance.now() - started < panMilliseconds) {
    const phase = ((performance.now() - started) / panMilliseconds) * 2 * Math.PI;
    // 60% of the steps are shown, so that a quarter of the width leads nowhere to an end.
    moves.push(page.mouse.move((left + right) / 2 + (Math.sin(3 * phase) * (right - left)) / 4, y));
    await delay(mouseMilliseconds);
  }
  await Promise.all(moves);
  const { seconds, frames, moved, drawn, longest } = await readFrames(page);
  await page.mouse.up();
  console.log(
    `moved for ${seconds.toFixed(2)} s: ${(frames / seconds).toFixed(0)} frames a second, the longest ` +
      `${longest.toFixed(0)} ms; the mouse moved in ${moved} of ${frames}, of which ${drawn} had a new picture`,
  );
  expect(frames / seconds).toBeGreaterThanOrEqual(minFramesPerSecond);
  expect(moved).toBeGreaterThan(20);
  expect(drawn).toBeGreaterThanOrEqual(0.95 * moved);
  expect(watched.complaints).toEqual([]);
});

interface Frames {
  readonly seconds: number;
  readonly frames: number;
  /** Frames before which the mouse had moved, and those of them in which the chart of the loss was drawn anew. */
  readonly moved: number;
  readonly drawn: number;
  /** Milliseconds between two frames at most. */
  readonly longest: number;
}

/** Looks at a frame when the next one begins. */
const countFrames = (page: Page) =>
  page.evaluate(`{
    const canvas = document.querySelector('.plot canvas');
    const started = performance.now();
    const count = { started, last: started, frames: 0, moved: 0, drawn: 0, longest: 0 };
    let [isMoved, isDrawn, x] = [false, false, NaN];
    const clear = CanvasRenderingContext2D.prototype.clearRect;
    CanvasRenderingContext2D.prototype.clearRect = function (...args) {
      if (this.canvas === canvas) isDrawn = true;
      return clear.apply(this, args);
    };
    addEventListener('pointermove', ({ clientX }) => {
      if (clientX !== x) isMoved = true;
      x = clientX;
    }, true);
    let wasMoved = false;
    const frame = (now) => {
      count.frames++;
      if (wasMoved) count.moved++;
      if (wasMoved && isDrawn) count.drawn++;
      wasMoved = isMoved;
      isMoved = isDrawn = false;
      count.longest = Math.max(count.longest, now - count.last);
      count.last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    window.frameCount = count;
  }`);

const readFrames = (page: Page) =>
  page.evaluate<Frames>(`(({ started, frames, moved, drawn, longest }) =>
    ({ seconds: (performance.now() - started) / 1000, frames, moved, drawn, longest }))(window.frameCount)`);
