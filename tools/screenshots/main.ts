/**
 * Makes the pictures of the dashboard from a service of its own with real jobs, and says how large they are.
 *
 *     npm run screenshots [-- FOLDER]
 *
 * Those that the documents show go to docs/pictures; FOLDER gets every view at both widths in both themes, whole.
 */
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { LowrankClient } from '#client/client.js';
import { programRoot } from '#platform/program.js';
import { startStack } from '../../apps/cli/src/launcher/launcher.js';
import { LogPrinter } from '../../apps/cli/src/launcher/log-lines.js';
import { makeContent } from './content.js';
import { type Content, kept, type View, views } from './views.js';

const widths = { 1440: 1000, 390: 844 } as const;
const themes = ['light', 'dark'] as const;
/** No view is longer. */
const tallest = 6000;
const pictures = join(programRoot, 'docs/pictures');

const say = (text: string) => console.log(text);

async function main(folder: string | undefined): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'lowrank-pictures-'));
  const log = new LogPrinter({ json: false, colour: false, write: () => undefined });
  const stack = await startStack({ environment: { ...process.env, LOWRANK_HOME: home, PORT: '0' }, log });
  let browser: Browser | undefined;
  try {
    const content = await makeContent(new LowrankClient({ url: stack.url }), say);
    const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    await mkdir(pictures, { recursive: true });
    if (folder !== undefined) await mkdir(folder, { recursive: true });
    for (const [width, height] of Object.entries(widths)) {
      for (const colorScheme of themes) {
        const viewport = { width: Number(width), height };
        const context = await browser.newContext({ baseURL: stack.url, colorScheme, viewport });
        const page = await context.newPage();
        for (const view of views) {
          await page.setViewportSize({ ...viewport, height: view.height ?? height });
          await show(page, view, content);
          const name = `${view.name}-${width}-${colorScheme}`;
          if (kept.has(name)) await take(page, join(pictures, `${name}.png`));
          if (folder !== undefined) await takeWhole(page, join(folder, `${name}.png`), viewport);
        }
        await context.close();
      }
    }
  } finally {
    await browser?.close();
    await stack.stop();
    await rm(home, { recursive: true, force: true });
  }
}

async function show(page: Page, view: View, content: Content): Promise<void> {
  await page.goto(view.address(content));
  await page.getByText(view.ready).first().waitFor();
  await view.act?.(page);
  if (view.from !== undefined) {
    const heading = page.getByRole('heading', { name: view.from });
    await heading.evaluate((element) => (element as { scrollIntoView(): void }).scrollIntoView());
  }
  await settled(page);
}

/** Until fonts are there and everything that was asked for is drawn. */
async function settled(page: Page): Promise<void> {
  await page.evaluate('document.fonts.ready.then(() => new Promise((done) => setTimeout(done, 600)))');
}

async function take(page: Page, path: string): Promise<void> {
  await page.screenshot({ path, animations: 'disabled' });
  say(`${path}: ${Math.ceil((await stat(path)).size / 1000)} kB`);
}

/** In a window as tall as the view, since charts out of sight are not drawn. */
async function takeWhole(
  page: Page,
  path: string,
  viewport: { width: number; height: number },
): Promise<void> {
  const height = await page.evaluate<number>('document.documentElement.scrollHeight');
  await page.setViewportSize({ ...viewport, height: Math.min(tallest, height) });
  await settled(page);
  await take(page, path);
  await page.setViewportSize(viewport);
}

await main(process.argv[2]);
