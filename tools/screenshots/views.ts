/** The views of the dashboard as pictures show them: one line for each. */
import type { Page } from 'playwright-core';

/** What the service has when the pictures are made. */
export interface Content {
  /** A job that succeeded, with validation and sample answers. */
  readonly finishedJob: string;
  readonly runningJob: string;
  /** Two adapters of one base. */
  readonly adapters: readonly [string, string];
}

export interface View {
  /** Name of its pictures. */
  readonly name: string;
  readonly address: (content: Content) => string;
  /** A text that is there when the view is complete. */
  readonly ready: string | RegExp;
  /** What somebody does there before the picture is taken. */
  readonly act?: (page: Page) => Promise<void>;
  /** Of the window, in pixels, where the usual one shows too little. */
  readonly height?: number;
  /** A heading at which pictures of one window begin; the top of the view without one. */
  readonly from?: string;
}

async function askAll(page: Page): Promise<void> {
  await page.getByLabel('Prompt', { exact: true }).fill('And God said');
  await page.getByLabel('Answered as').selectOption('text');
  await page.getByLabel('Tokens at most').fill('40');
  await page.getByRole('button', { name: 'Answer', exact: true }).click();
  // Base, two members, composition.
  await page.getByText('stopped at the token limit').nth(3).waitFor();
}

async function askInPlayground(page: Page): Promise<void> {
  await page.getByRole('radio', { name: 'Text' }).click();
  const prompt = page.getByRole('textbox', { name: 'Prompt' });
  await prompt.fill('And God said');
  await prompt.press('Control+Enter');
  await page.getByText('All answers are there.').waitFor();
}

export const views: readonly View[] = [
  { name: 'home', address: () => '/', ready: 'left' },
  { name: 'jobs', address: () => '/jobs', ready: 'slow-verses' },
  { name: 'job', address: ({ finishedJob }) => `/jobs/${finishedJob}`, ready: 'The job has successfully' },
  { name: 'running', address: ({ runningJob }) => `/jobs/${runningJob}`, ready: 'Training started' },
  { name: 'new', address: ({ finishedJob }) => `/new?from=${finishedJob}`, ready: 'layers matched' },
  {
    name: 'plan',
    address: ({ finishedJob }) => `/new?from=${finishedJob}`,
    ready: 'layers matched',
    from: 'Data',
  },
  { name: 'adapters', address: () => '/adapters', ready: 'verses' },
  { name: 'adapter', address: ({ adapters: [first] }) => `/adapters/${first}`, ready: 'adapter_config.json' },
  {
    name: 'compose',
    address: ({ adapters: [first, second] }) => `/compose?${first}=0.7&${second}=-0.4&rank=6`,
    ready: 'Kept energy',
    act: askAll,
    height: 1450,
  },
  {
    name: 'playground',
    address: ({ adapters: [first] }) => `/playground?model=prose-4m&model=${first}`,
    ready: 'verses',
    act: askInPlayground,
  },
  {
    name: 'compare',
    address: ({ finishedJob, runningJob }) => `/compare?jobs=${finishedJob},${runningJob}`,
    ready: 'slow-verses',
  },
  { name: 'models', address: () => '/models', ready: 'LlamaForCausalLM' },
  { name: 'data', address: () => '/data', ready: 'train.jsonl' },
  { name: 'workers', address: () => '/workers', ready: 'process' },
  { name: 'glossary', address: () => '/glossary', ready: 'The language or image model' },
];

/** Pictures that are kept in docs/pictures: a view, a width, a theme. */
export const kept: ReadonlySet<string> = new Set([
  'job-1440-light',
  'plan-1440-light',
  'compose-1440-light',
  'jobs-1440-dark',
  'job-390-dark',
  'new-390-light',
]);
