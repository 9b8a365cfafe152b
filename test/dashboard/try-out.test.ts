/** The dashboard in Chromium: models talked to, runs compared, adapters looked at. */
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobObject } from '#contracts/http/jobs.js';
import { prepareTinyJob, startTestStack, type TestStack } from '../e2e/stack.js';
import { collect, waitForEnd } from '../e2e/stack-watch.js';
import { axeFindings, launchBrowser, openPage, overflow, type Watched } from './browser.js';

let stack: TestStack;
let browser: Browser;
let watched: Watched;
let page: Page;
let verse: JobObject;
let law: JobObject;
const question = 'What is 3 plus 4?';

beforeAll(async () => {
  [stack, browser] = await Promise.all([startTestStack(), launchBrowser()]);
  const job = await prepareTinyJob(stack);
  const sample_prompts = [[{ role: 'user', content: question }]];
  const train = async (body: typeof job) =>
    waitForEnd(stack.client, (await stack.client.jobs.create(body)).id);
  verse = await train({ ...job, suffix: 'verse', training: { ...job.training, sample_prompts } });
  law = await train({ ...job, suffix: 'law', seed: 11, lora: { ...job.lora, r: 3 } });
  watched = await openPage(browser, stack.url);
  ({ page } = watched);
}, 240_000);
afterAll(async () => {
  await browser?.close();
  await stack?.close();
});

const button = (name: string | RegExp) => page.getByRole('button', { name, exact: true });
const column = (name: string) => page.getByRole('article', { name, exact: true });
const answered = () => page.getByText('All answers are there.').waitFor();

test('a base model and an adapter answer one prompt side by side, as the form says', async () => {
  await page.goto('/playground');
  await column('prose-4m').getByRole('button', { name: 'Model 1: prose-4m' }).click();
  await page.getByRole('region', { name: 'Base models' }).getByRole('button', { name: 'tiny' }).click();
  await button('Add a model').click();
  await page.getByRole('searchbox', { name: 'Find a model' }).fill('ver');
  await page.getByRole('region', { name: 'Adapters' }).getByRole('button', { name: 'verse' }).click();
  await expect.poll(() => new URL(page.url()).search).toBe(`?model=tiny&model=${verse.adapter}`);
  await page.getByRole('textbox', { name: 'System prompt' }).fill('Add.');
  await page.getByRole('textbox', { name: 'Max tokens' }).fill('8');
  await page.getByRole('textbox', { name: 'Seed' }).fill('5');
  const asked: Record<string, unknown>[] = [];
  page.on('request', (request) => {
    if (request.url().endsWith('/completions')) asked.push(request.postDataJSON() as Record<string, unknown>);
  });
  await button(question).click();
  await page.getByRole('textbox', { name: 'Message' }).press('Enter');
  await answered();
  const messages = [
    { role: 'system', content: 'Add.' },
    { role: 'user', content: question },
  ];
  const sampling = { max_tokens: 8, temperature: 0.7, top_p: 1, seed: 5 };
  expect(asked).toMatchObject([
    { model: 'tiny', messages, ...sampling },
    { model: verse.adapter, messages, ...sampling },
  ]);
  for (const model of ['tiny', verse.adapter!] as const) {
    const { choices } = await stack.client.completions.chat({
      model,
      messages: messages as never,
      ...sampling,
    });
    const shown = column(model === 'tiny' ? 'tiny' : 'verse');
    await shown.getByText(/^\d+ tokens?, .* tokens\/s, first after/).waitFor();
    // Markdown breaks lines as it likes.
    const letters = (text: string) => text.replaceAll(/[^A-Za-z0-9]/g, '');
    expect(letters(await shown.innerText())).toContain(letters(choices[0]!.message.content!));
  }
});

test('an answer is stopped, asked for again, and the conversation goes on with it', async () => {
  await page.getByRole('textbox', { name: 'Max tokens' }).fill('');
  // So slow that it can be stopped.
  await page.route('**/v1/chat/completions', async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await route.continue().catch(() => undefined);
  });
  await page.getByRole('textbox', { name: 'Message' }).fill('And 5 plus 5?');
  await button('Send').click();
  await button('Stop').click();
  await expect.poll(() => page.getByText(/; stopped$/).count()).toBe(2);
  await page.unroute('**/v1/chat/completions');
  await page.getByRole('textbox', { name: 'Max tokens' }).fill('4');
  const [request] = await Promise.all([
    page.waitForRequest('**/v1/chat/completions'),
    column('verse').getByRole('button', { name: 'Answer again' }).click(),
  ]);
  await column('verse')
    .getByText(/^4 tokens/)
    .waitFor();
  const { messages } = request.postDataJSON() as { messages: { role: string; content: string }[] };
  expect(messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user']);
  expect(messages.at(-1)!.content).toBe('And 5 plus 5?');
});

test('the request is there as code, and the conversation in the history after a reload', async () => {
  await button('Code').click();
  await page.getByRole('tab', { name: 'Python' }).click();
  const text = await page.getByRole('tabpanel').innerText();
  expect(text).toContain('client.chat.completions.create(');
  expect(text).toContain(question);
  await page.keyboard.press('Escape');
  await page.reload();
  await column('verse').waitFor();
  expect(await page.getByText(question).count()).toBe(1);
  await button('History').click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: new RegExp(`^${question.slice(0, 8)}`) })
    .click();
  await expect.poll(() => column('verse').getByText('And 5 plus 5?').count()).toBe(1);
});

test('a good answer is put right and becomes a row of a new file, the old one stays', async () => {
  const files = () => collect(stack.client.files.list({ purpose: 'fine-tune' }));
  const before = await files();
  const old = before.find(({ filename }) => filename.startsWith('train'))!;
  await column('verse').getByRole('button', { name: 'Add to training data' }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Answer' }).fill('It is 7.');
  await dialog.getByRole('button', { name: /Add it to/ }).click();
  await page
    .getByRole('option', { name: new RegExp(`^${old.filename}`) })
    .first()
    .click();
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByText(`now has ${old.report!.rows + 1} rows`).waitFor();
  const made = (await files()).find(({ id }) => !before.some((one) => one.id === id))!;
  expect(made).toMatchObject({ filename: old.filename.replace('.jsonl', '-2.jsonl') });
  const chunks = await collect(stack.client.files.content(made.id));
  const rows = Buffer.concat(chunks).toString().trim().split('\n');
  expect(JSON.parse(rows.at(-1)!)).toEqual({
    messages: [
      { role: 'system', content: 'Add.' },
      { role: 'user', content: question },
      { role: 'assistant', content: 'It is 7.' },
    ],
  });
});

test('a mixture from an address goes on with a text, and its weights are moved by keys', async () => {
  await page.goto(`/adapters/${verse.adapter}`);
  await page.getByRole('link', { name: 'Use in playground' }).click();
  await column('verse').waitFor();
  await page.goto(`/compose?${verse.adapter}=0.7&${law.adapter}=-0.3`);
  await page.getByRole('link', { name: 'Try this mixture in the playground' }).click();
  await column('0.7 × verse − 0.3 × law').waitFor();
  await page.getByRole('radio', { name: 'Text' }).click();
  await page.getByRole('slider', { name: 'Weight of law' }).press('ArrowRight');
  await expect.poll(() => new URL(page.url()).search).toContain(`${law.adapter}:-0.25`);
  await page.getByRole('textbox', { name: 'Prompt' }).fill('What');
  const [request] = await Promise.all([
    page.waitForRequest('**/v1/completions'),
    page.getByRole('textbox', { name: 'Prompt' }).press('Control+Enter'),
  ]);
  expect(request.postDataJSON()).toMatchObject({
    model: 'tiny',
    prompt: 'What',
    members: [
      { adapter: verse.adapter, weight: 0.7 },
      { adapter: law.adapter, weight: -0.25 },
    ],
  });
  await answered();
});

const themes = ['light', 'dark'] as const;

/** Looks at what is shown in both themes at three widths. */
async function expectReadable(name: string): Promise<void> {
  for (const theme of themes) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    for (const width of [390, 768, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      // Charts take the new width a frame later.
      await expect.poll(() => overflow(page), { message: `${name} ${width}` }).toBe(0);
      expect(await axeFindings(page), `${name} ${theme} ${width}`).toEqual([]);
      const folder = process.env['SCREENSHOTS'];
      if (folder)
        await page.screenshot({ path: join(folder, `${name}-${theme}-${width}.png`), fullPage: true });
    }
  }
}

test('every state of the playground is readable at every width in both themes', async () => {
  await expectReadable('playground-text');
  await page.goto('/playground?model=tiny');
  await column('tiny').waitFor();
  await expectReadable('playground-empty');
  await button('History').click();
  await expectReadable('playground-history');
  await page
    .getByRole('dialog')
    .getByRole('button', { name: /^What is 3/ })
    .click();
  await column('verse').waitFor();
  await expectReadable('playground-chat');
  await button('Code').click();
  await expectReadable('playground-code');
  await page.keyboard.press('Escape');
  await column('verse').getByRole('button', { name: 'Add to training data' }).first().click();
  await expectReadable('playground-training');
  await page.keyboard.press('Escape');
  for (let i = 0; i < 2; i++) {
    await button('Add a model').click();
    if (i === 0) await expectReadable('playground-picker');
    await page.getByRole('dialog').getByRole('button', { name: /^tiny/ }).first().click();
  }
  await expect.poll(() => page.getByRole('article').count()).toBe(4);
  await expectReadable('playground-four');
}, 180_000);

test('runs are compared: curves in one chart, the best result marked, and what differs apart from what is equal', async () => {
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.goto('/compare');
  await page.getByRole('heading', { name: 'No jobs chosen' }).waitFor();
  await expectReadable('compare-empty');
  await button('Add a job').first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: /^verse/ }).click();
  await dialog.getByRole('button', { name: /^law/ }).click();
  await expectReadable('compare-picker');
  await dialog.getByRole('button', { name: 'Done' }).click();
  await expect.poll(() => new URL(page.url()).search).toBe(`?jobs=${verse.id},${law.id}`);
  await page.reload();
  const steps = await collect(stack.client.jobs.metrics(law.id, { kind: 'step' }));
  const loss = Number((steps.at(-1)!.values['loss'] as number).toPrecision(4));
  const last = verse.progress.step;
  await page
    .getByRole('application', { name: new RegExp(`^Loss, training at step ${last}: verse .*, law ${loss}`) })
    .waitFor();
  const row = (name: string) => page.getByRole('row', { name });
  const lastLoss = async (id: string) =>
    (await collect(stack.client.jobs.metrics(id, { kind: 'step' }))).at(-1)!.values['loss'] as number;
  const isFirst = (await lastLoss(verse.id)) < (await lastLoss(law.id));
  const cells = row('Last training loss').getByRole('cell');
  expect(await cells.nth(isFirst ? 0 : 1).innerText()).toMatch(/best$/);
  expect(await cells.nth(isFirst ? 1 : 0).innerText()).not.toMatch(/best/);
  const different = page.getByRole('region', { name: 'Settings that differ' });
  expect(await different.getByRole('row', { name: 'lora.r', exact: false }).first().innerText()).toMatch(
    /4\s+3$/,
  );
  expect(await different.getByText('learning_rate', { exact: true }).count()).toBe(0);
  await page.getByText(/^\d+ equal settings$/).click();
  await page
    .getByRole('region', { name: 'Equal settings' })
    .getByText('learning_rate', { exact: true })
    .waitFor();
  await page.getByRole('button', { name: /Metric/ }).click();
  await page.getByRole('option', { name: 'Gradient norm' }).click();
  await page.getByRole('application', { name: /^Gradient norm at step/ }).waitFor();
  await expectReadable('compare');
  await button('Remove verse').click();
  await expect.poll(() => new URL(page.url()).search).toBe(`?jobs=${law.id}`);
}, 120_000);

test('nothing was complained of', () => {
  expect(watched.complaints).toEqual([]);
});
