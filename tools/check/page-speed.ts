/**
 * Measures the page with 1,000 jobs and 500 adapters on a service of its own: when the first rows are there, when nothing
 * keeps the page busy any more, and how evenly long lists scroll.
 *
 *     node dist/tools/check/page-speed.js [--keep]
 *
 * `--keep` lets the service run until Ctrl-C, for other tools to look at.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { DataSource } from 'typeorm';
import { LowrankClient } from '#client/client.js';
import { programRoot } from '#platform/program.js';
import { startStack } from '../../apps/cli/src/launcher/launcher.js';
import { LogPrinter } from '../../apps/cli/src/launcher/log-lines.js';
import { withLocalDatabase } from '../../apps/cli/src/local-database.js';
import { sampleJob } from '../../apps/cli/src/quickstart/sample-job.js';
import { uploadFile } from '../../apps/cli/src/upload-file.js';

const jobs = 1000;
const adapters = 500;
const metricsEach = 20;
const rounds = 3;

async function main(keep: boolean): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'lowrank-speed-'));
  const environment = { ...process.env, LOWRANK_HOME: home, PORT: '0' };
  const log = new LogPrinter({ json: false, colour: false, write: () => undefined });
  const stack = await startStack({ environment, log });
  let browser: Browser | undefined;
  try {
    const job = await trainOne(new LowrankClient({ url: stack.url }));
    await withLocalDatabase(environment, (database) => multiply(database, job));
    const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    for (const [path, row] of [
      ['/jobs', '[data-job]'],
      ['/adapters', '[data-adapter]'],
      ['/', 'main a'],
      ['/playground', 'main button'],
    ] as const) {
      for (let round = 0; round < rounds; round++) await measure(browser, stack.url + path, row);
    }
    if (keep) {
      console.log(`${stack.url}, job ${job}; Ctrl-C ends it`);
      await new Promise((resolve) => process.once('SIGINT', resolve));
    }
  } finally {
    await browser?.close();
    await stack.stop();
    await rm(home, { recursive: true, force: true });
  }
}

async function trainOne(client: LowrankClient): Promise<string> {
  const data = join(programRoot, 'examples/quickstart');
  const training = (await uploadFile(client, join(data, 'train.jsonl'))).id;
  const validation = (await uploadFile(client, join(data, 'validation.jsonl'))).id;
  const sample = sampleJob({ training, validation }, 5);
  const { id } = await client.jobs.create({
    ...sample,
    training: { ...sample.training, max_steps: metricsEach },
  });
  for await (const _ of client.jobs.follow(id));
  return id;
}

/** Rows straight into the database: as many jobs would take days. */
async function multiply(database: DataSource, job: string): Promise<void> {
  await database.query(
    `INSERT INTO job SELECT (jsonb_populate_record(NULL::job, to_jsonb(job) || jsonb_build_object('id', 'ftjob-many' || n,
       'suffix', 'run-' || n, 'adapter_id', NULL, 'created_at', job.created_at - make_interval(mins => n)))).*
     FROM job, generate_series(1, $2) n WHERE job.id = $1`,
    [job, jobs],
  );
  await database.query(
    `INSERT INTO metric SELECT (jsonb_populate_record(NULL::metric, to_jsonb(metric) || jsonb_build_object('job_id', 'ftjob-many' || n))).*
     FROM metric, generate_series(1, $2) n WHERE metric.job_id = $1 AND metric.kind = 'step'`,
    [job, jobs],
  );
  await database.query(
    `INSERT INTO adapter SELECT (jsonb_populate_record(NULL::adapter, to_jsonb(adapter) || jsonb_build_object('id', 'adapter-many' || n,
       'name', 'ft:prose-4m:default:run-' || n || ':many' || n, 'job_id', 'ftjob-many' || n,
       'created_at', adapter.created_at - make_interval(mins => n)))).*
     FROM adapter, generate_series(1, $2) n WHERE adapter.job_id = $1`,
    [job, adapters],
  );
}

/** Runs in the page from its beginning. */
const watch = (row: string) => `
  window.seen = { first: null, busyUntil: 0 };
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) window.seen.busyUntil = startTime + duration;
  }).observe({ type: 'longtask', buffered: true });
  new MutationObserver(() => {
    if (window.seen.first === null && document.querySelector(${JSON.stringify(row)})) window.seen.first = performance.now();
  }).observe(document, { childList: true, subtree: true });`;

/** Scrolls by a page a second or so, and yields the time between frames in milliseconds. */
const scroll = `new Promise((resolve) => {
  const gaps = [];
  let last = performance.now();
  const step = (now) => {
    gaps.push(now - last);
    last = now;
    scrollBy(0, 30);
    if (gaps.length < 240) requestAnimationFrame(step);
    else resolve(gaps.slice(1));
  };
  requestAnimationFrame(step);
})`;

interface Seen {
  readonly first: number | null;
  readonly busyUntil: number;
}

const settleMs = 3000;

async function measure(browser: Browser, address: string, row: string): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.addInitScript(watch(row));
  await page.goto(address);
  await page.locator(row).first().waitFor();
  await page.waitForTimeout(settleMs);
  const { first, busyUntil } = await page.evaluate<Seen>('window.seen');
  const text = `${new URL(address).pathname}: first rows ${first?.toFixed(0)} ms, interactive ${Math.max(first ?? 0, busyUntil).toFixed(0)} ms`;
  console.log(`${text}${await scrollText(page)}`);
  await context.close();
}

async function scrollText(page: Page): Promise<string> {
  const height = await page.evaluate<number>('document.documentElement.scrollHeight');
  if (height < 10_000) return '';
  const gaps = (await page.evaluate<number[]>(scroll)).toSorted((a, b) => a - b);
  const at = (share: number) => gaps[Math.floor(share * (gaps.length - 1))]!.toFixed(1);
  const late = gaps.filter((gap) => gap > 25).length;
  return `, frames ${at(0.5)} ms in the middle, ${at(0.95)} ms at 95%, ${at(1)} ms at most, ${late} of ${gaps.length} late`;
}

await main(process.argv.includes('--keep'));
