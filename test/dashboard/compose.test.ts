/** The dashboard in Chromium: from two adapters to a composition that somebody else opens. */
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CompositionObject, CompositionPreview } from '#contracts/http/compositions.js';
import { prepareTinyJob, startTestStack, type TestStack } from '../e2e/stack.js';
import { waitForEnd } from '../e2e/stack-watch.js';
import { axeFindings, launchBrowser, openPage, overflow, type Watched } from './browser.js';

let stack: TestStack;
let browser: Browser;
let watched: Watched;
let page: Page;
/** Ids of the adapters. */
let verse: string;
let law: string;
let composed: string;
const question = 'What is 3 plus 4?';

beforeAll(async () => {
  [stack, browser] = await Promise.all([startTestStack(), launchBrowser()]);
  const job = await prepareTinyJob(stack);
  const unrelated = await prepareTinyJob(stack, 'unrelated');
  const sample_prompts = [[{ role: 'user', content: question }]];
  const train = async (body: typeof job) => {
    const { id } = await stack.client.jobs.create(body);
    return (await waitForEnd(stack.client, id)).adapter!;
  };
  verse = await train({ ...job, suffix: 'verse', training: { ...job.training, sample_prompts } });
  law = await train({ ...job, suffix: 'law', seed: 11, lora: { ...job.lora, r: 3 } });
  await train({ ...unrelated, suffix: 'unrelated', training: { ...job.training, max_steps: 2 } });
  watched = await openPage(browser, stack.url);
  ({ page } = watched);
}, 240_000);
afterAll(async () => {
  await browser?.close();
  await stack?.close();
});

async function call<T>(path: string, body?: object): Promise<T> {
  const method = body === undefined ? 'GET' : 'POST';
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(stack.url + path, { method, headers, body: JSON.stringify(body) });
  expect(response.status, path).toBe(200);
  return (await response.json()) as T;
}

const slider = (name: string) => page.getByRole('slider', { name, exact: true });
const result = () => page.getByRole('region', { name: 'Result' });
const kept = () => result().locator('strong');

async function press(target: Locator, key: string, times = 1): Promise<void> {
  await target.focus();
  for (let i = 0; i < times; i++) await page.keyboard.press(key);
}

/** Waits until the report on the page is that of the members as the server reports them. */
async function expectReport(members: object, form: object = {}): Promise<CompositionPreview['report']> {
  const { report } = await call<CompositionPreview>('/v1/compositions', { members, ...form, preview: true });
  const energy = report.overall.kept_energy;
  const text = energy === 1 ? '100%' : `${(100 * energy).toFixed(2)}%`;
  await expect.poll(() => kept().innerText()).toBe(text);
  return report;
}

test('members are chosen, and those of another base are not offered once there is one', async () => {
  await page.goto('/compose');
  await page.getByRole('button', { name: 'Add unrelated', exact: true }).waitFor();
  await page.getByRole('button', { name: 'Add verse', exact: true }).click();
  await page.getByText('Only adapters of tiny are offered').waitFor();
  await expect.poll(() => page.getByRole('button', { name: 'Add unrelated' }).count()).toBe(0);
  await page.getByRole('button', { name: 'Add law', exact: true }).click();
  await expect.poll(() => new URL(page.url()).search).toBe(`?${verse}=1&${law}=1`);
  const report = await expectReport([
    { adapter: verse, weight: 1 },
    { adapter: law, weight: 1 },
  ]);
  expect(report.rank).toBe(7);
  await result().getByText('7 of 7').waitFor();
});

test('weights follow keys and the mouse, the error is told, and all of it survives a reload', async () => {
  await press(slider('Weight of verse'), 'ArrowLeft', 6);
  const place = (await slider('Weight of law').boundingBox())!;
  await page.mouse.click(place.x + place.width * 0.35, place.y + place.height / 2);
  const field = page.getByLabel('Weight of law as a number');
  await expect.poll(async () => Number(await field.inputValue())).toBeLessThan(-0.3);
  await field.fill('-0.35');
  await page.getByText('To a rank').click();
  await press(slider('Rank'), 'Home');
  await expect.poll(() => new URL(page.url()).search).toBe(`?${verse}=0.7&${law}=-0.35&rank=1`);
  const members = [
    { adapter: verse, weight: 0.7 },
    { adapter: law, weight: -0.35 },
  ];
  const { overall } = await expectReport(members, { rank: 1 });
  expect(overall.relative_error).toBeGreaterThan(0);
  const error = String(Number(overall.relative_error.toPrecision(3)));
  await result().getByText(error, { exact: true }).waitFor();
  await page.reload();
  await expectReport(members, { rank: 1 });
  expect(await slider('Weight of law').inputValue()).toBe('-0.35');
  await press(slider('Rank'), 'ArrowRight', 3);
  const { conflicts, energy_by_rank: energies } = await expectReport(members, { rank: 4 });
  const [pair] = conflicts!;
  const row = page.getByRole('region', { name: 'Conflicts' }).getByRole('row').nth(1);
  await row.getByText(`${(100 * pair!.opposed_signs).toFixed(1)}%`).waitFor();
  await row.getByText(`${pair!.angle.toFixed(0)}°`).waitFor();
  const needed = energies.findIndex((energy) => energy >= 0.99) + 1;
  await page.getByRole('button', { name: `99%: rank ${needed}` }).click();
  await expect.poll(() => slider('Rank').inputValue()).toBe(String(needed));
  await press(slider('Rank'), 'Home');
  await press(slider('Rank'), 'ArrowRight', 3);
  await expectReport(members, { rank: 4 });
});

test('modules are told one by one, and weights of 0 are called what they are', async () => {
  await page.getByText('4 modules, layer by layer').click();
  const table = page.getByRole('region', { name: 'Modules' });
  await expect.poll(() => table.getByRole('row').count()).toBe(5);
  await table.getByRole('columnheader', { name: 'Norm of law' }).waitFor();
  for (const name of ['verse', 'law']) await page.getByLabel(`Weight of ${name} as a number`).fill('0');
  await page.getByText('Every weight is 0, which is the base model itself').waitFor();
  expect(await page.getByRole('button', { name: 'Publish as an adapter' }).isDisabled()).toBe(true);
  await page.getByLabel('Weight of verse as a number').fill('much');
  await page.getByText('Give a number.').waitFor();
  await page.getByLabel('Weight of verse as a number').fill('0.7');
  await page.getByLabel('Weight of law as a number').fill('-0.35');
});

test('base, members and composition answer side by side, and a slider asks for the composition alone', async () => {
  const asked: unknown[] = [];
  page.on('request', (request) => {
    if (request.url().endsWith('/v1/chat/completions')) asked.push(request.postDataJSON());
  });
  await page.getByRole('button', { name: question }).click();
  await page.getByRole('spinbutton', { name: 'Tokens at most' }).fill('12');
  await page.getByRole('button', { name: 'Answer', exact: true }).click();
  const columns = { 'tiny, the base': [0, 0], 'verse alone': [1, 0], 'law alone': [0, 1] };
  const answerOf = (title: string) => page.getByRole('article', { name: title }).locator('[aria-busy]');
  const expectAnswer = async (title: string, [first, second]: readonly number[]) => {
    const body = {
      model: 'tiny',
      messages: [{ role: 'user', content: question }],
      members: [
        { adapter: verse, weight: first },
        { adapter: law, weight: second },
      ],
      max_tokens: 12,
      temperature: 0,
    };
    const { choices } = await call<{ choices: { message: { content: string } }[] }>(
      '/v1/chat/completions',
      body,
    );
    await expect.poll(() => answerOf(title).getAttribute('aria-busy'), { timeout: 20_000 }).toBe('false');
    expect(await answerOf(title).textContent(), title).toBe(choices[0]!.message.content);
  };
  for (const [title, weights] of Object.entries(columns)) await expectAnswer(title, weights);
  await expectAnswer('The composition', [0.7, -0.35]);
  expect(asked).toHaveLength(4);

  await press(slider('Weight of verse in the composition'), 'End');
  await expect.poll(() => asked.length).toBe(5);
  expect(asked[4]).toMatchObject({ members: [{ weight: 2 }, { weight: -0.35 }] });
  await expectAnswer('The composition', [2, -0.35]);
  for (const [title, weights] of Object.entries(columns)) await expectAnswer(title, weights);
  await page.getByLabel('Weight of verse as a number').fill('0.7');
  await expectReport(
    [
      { adapter: verse, weight: 0.7 },
      { adapter: law, weight: -0.35 },
    ],
    { rank: 4 },
  );
});

test('a composition is published once, and its adapter tells what it was made of', async () => {
  await page.getByLabel('Name of the new adapter').fill('both');
  await page.getByRole('button', { name: 'Publish as an adapter' }).click();
  await page.getByText('Published:').getByRole('link', { name: 'both' }).click();
  await page.waitForURL(/\/adapters\/adapter-/);
  composed = page.url().split('/').at(-1)!;
  await page.getByText('Composed to rank 4 of:').waitFor();
  await page.getByRole('link', { name: 'verse', exact: true }).waitFor();
  const { data } = await call<{ data: CompositionObject[] }>('/v1/compositions');
  expect(data).toMatchObject([{ adapter: composed, suffix: 'both', rank: 4, status: 'succeeded' }]);
  const norms = page.getByRole('img', { name: /^self_attn\.\w_proj: norm .*, layers 0 to 1$/ });
  await expect.poll(() => norms.count()).toBe(2);
});

test('a checkpoint is a member like any other, and a rank that is too high is refused in words', async () => {
  await page.goto(`/compose?${verse}=0.5&rank=99`);
  await page.getByText('rank 99 is above the 4 that the members have together').waitFor();
  await page.getByText('Give a whole number from 1 to 4.').waitFor();
  expect(watched.complaints.splice(0)).toEqual([expect.stringContaining('400')]);
  await page.getByRole('radio', { name: /^Exact/ }).check();
  await page.getByText('Checkpoints of jobs').click();
  await page.locator('summary', { hasText: /^law/ }).click();
  await page
    .getByRole('button', { name: /^Add law, step \d+$/ })
    .first()
    .click();
  await page.waitForURL(/&ftjob-\w+\.ftckpt_\w+=1$/);
  const checkpoint = /ftckpt_\w+/.exec(page.url())![0];
  await result().getByText('7 of 7').waitFor();
  const report = await expectReport([
    { adapter: verse, weight: 0.5 },
    { checkpoint, weight: 1 },
  ]);
  await result()
    .getByText(String(Number(report.overall.norm.toPrecision(4))), { exact: true })
    .waitFor();
  await page.goto(`/adapters/${composed}`);
});

test('a merged model is made, fetched and deleted', async () => {
  await page.goto(`/adapters/${composed}`);
  await page.getByRole('button', { name: /Numbers/ }).click();
  await page.getByRole('option', { name: /^f32/ }).click();
  await page.getByRole('button', { name: 'Export', exact: true }).click();
  await page.getByText(/^\d+ files, /).click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'model.safetensors', exact: true }).click(),
  ]);
  expect(download.suggestedFilename()).toBe('model.safetensors');
  // The page of another adapter asks for its own, of which there is none.
  const [listed] = await Promise.all([
    page.waitForResponse((response) => response.url().includes('/v1/exports')),
    page.goto(`/adapters/${verse}`),
  ]);
  expect(new URL(listed.url()).searchParams.get('adapter')).toBe(verse);
  expect(await listed.json()).toMatchObject({ data: [] });
  await page.goto(`/adapters/${composed}`);
  await page.getByRole('button', { name: /^Delete the export/ }).click();
  await page.getByRole('button', { name: 'Delete it' }).click();
  await expect.poll(() => page.getByText(/^\d+ files, /).count()).toBe(0);
});

test('a link opens for somebody without a key, tells who came, and is dead once it is revoked', async () => {
  await page.goto(`/adapters/${composed}`);
  await page.getByLabel('Downloads at most').fill('2');
  await page.getByRole('button', { name: 'Make a link' }).click();
  const address = await page.getByLabel('Address of the link').inputValue();
  await page.getByText('0 downloads, 2 of 2 left').waitFor();
  const visitor = await (await browser.newContext()).newPage();
  expect((await visitor.goto(address))?.status()).toBe(200);
  const [download] = await Promise.all([
    visitor.waitForEvent('download'),
    visitor.getByRole('link', { name: 'adapter_model.safetensors' }).click(),
  ]);
  await download.path();
  await page.reload();
  await page.getByText('1 download, 1 of 2 left').waitFor();
  expect(await page.getByLabel('Address of the link').count()).toBe(0);
  await page.getByText('Who used it').click();
  await page.getByText('127.0.0.1 fetched adapter_model.safetensors').waitFor();

  await page.getByRole('button', { name: /^Revoke share-/ }).click();
  await page.getByRole('button', { name: 'Keep it' }).press('Enter');
  expect((await visitor.goto(address))?.status()).toBe(200);
  await page.getByRole('button', { name: /^Revoke share-/ }).click();
  await page.getByRole('button', { name: 'Revoke it' }).click();
  await page.getByText('revoked', { exact: true }).waitFor();
  expect((await visitor.goto(address))?.status()).toBe(404);
});

test('a member that is deleted is named, and what it went into stays', async () => {
  const { complaints } = watched;
  await page.goto(`/adapters/${law}`);
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByRole('button', { name: 'Delete it' }).click();
  await page.waitForURL(/\/adapters$/);
  await page.getByRole('link', { name: 'both' }).waitFor();
  await page.goto(`/adapters/${composed}`);
  await page.getByText(`${law}, which was deleted since`).waitFor();
  await page.goto(`/compose?${verse}=1&${law}=1`);
  await page.getByText(`there is no adapter ${law}`).first().waitFor();
  await page.getByRole('button', { name: `Remove ${law}` }).click();
  await expect.poll(() => kept().innerText()).toBe('100%');
  // The browser itself tells its console of every refused request.
  const refused = complaints.splice(0);
  expect(refused.length).toBeGreaterThan(0);
  for (const text of refused) expect(text).toMatch(/status of 40[04]/);
});

test('a long list of jobs is read to its end, drawn as it is scrolled, found by a word and sorted', async () => {
  const { data } = await call<{ data: { model: string; training_file: string }[] }>('/v1/fine_tuning/jobs');
  const [{ model, training_file }] = data as [(typeof data)[number]];
  const count = 120;
  for (let i = 0; i < count; i++) {
    const { id } = await stack.client.jobs.create({ model, training_file, suffix: `row-${i}` });
    await stack.client.jobs.cancel(id);
  }
  await page.goto('/jobs');
  await page.getByText(`${count + 3} jobs`, { exact: true }).waitFor();
  const rows = page.locator('[data-job]');
  expect(await rows.count()).toBeLessThan(60);
  await page.keyboard.press('End');
  await page.locator('[data-job]', { hasText: 'verse' }).waitFor();
  await page.getByRole('searchbox', { name: 'Search jobs' }).fill('row-11');
  // row-11 and row-110 to row-119.
  await page.getByText(`11 of ${count + 3} jobs`).waitFor();
  await page.getByRole('button', { name: 'Name', exact: true }).click();
  expect((await rows.getByRole('link').allInnerTexts()).slice(0, 2)).toEqual(['row-11', 'row-110']);
});

/** Has the sample question answered in every column. */
async function answerQuestion(): Promise<void> {
  await page.getByRole('button', { name: question }).click();
  await page.getByRole('button', { name: 'Answer', exact: true }).click();
  const open = page.locator('article [aria-busy=true]');
  await expect.poll(() => open.count(), { timeout: 20_000 }).toBe(0);
}

test('every view fits a telephone and is readable in both themes', async () => {
  const views = [
    ['compose-empty', '/compose'],
    ['compose', `/compose?${verse}=0.7&${composed}=-0.35&rank=6`],
    ['adapter', `/adapters/${composed}`],
    ['adapters', '/adapters'],
    ['workers', '/workers'],
    ['home', '/'],
    ['jobs', '/jobs'],
  ] as const;
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme });
    for (const [name, view] of views) {
      await page.goto(view);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await expect.poll(() => page.getByText(/^(Reading|Measuring) /).count(), { timeout: 20_000 }).toBe(0);
      if (name === 'compose') {
        await page.getByText('modules, layer by layer').click();
        await answerQuestion();
      }
      for (const width of [390, 1440]) {
        await page.setViewportSize({ width, height: 900 });
        expect(await overflow(page), `${name} ${width}`).toBe(0);
        expect(await axeFindings(page), `${name} ${theme} ${width}`).toEqual([]);
        const folder = process.env['SCREENSHOTS'];
        if (folder)
          await page.screenshot({ path: join(folder, `${name}-${theme}-${width}.png`), fullPage: true });
      }
    }
  }
}, 180_000);

test('nothing was complained of', () => {
  expect(watched.complaints).toEqual([]);
});
