import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestExpressApplication } from '@nestjs/platform-express';
import express from 'express';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveDashboard } from './serve-dashboard.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dashboard-'));
  await mkdir(join(folder, 'assets'));
  await writeFile(join(folder, 'assets', 'main.js'), 'let a;');
  await writeFile(join(folder, 'icon.svg'), '<svg/>');
  await writeFile(
    join(folder, 'index.html'),
    '<html><head><link href="./icon.svg"></head><script src="./assets/main.js"></script></html>',
  );
});
afterAll(() => rm(folder, { recursive: true }));

async function get(path: string, options: { folder: string; prefix?: string }): Promise<Response> {
  const server = express();
  serveDashboard(
    { getHttpAdapter: () => ({ getInstance: () => server }) } as NestExpressApplication,
    options,
  );
  const listening = server.listen(0);
  const { port } = listening.address() as AddressInfo;
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return new Response(await response.text(), response);
  } finally {
    listening.close();
  }
}

test.each(['', '/tools/lowrank'])(
  'every view is one page whose files lie under the prefix %j',
  async (prefix) => {
    for (const path of ['/', '/jobs/ftjob-x', '/compose']) {
      const page = await get(path, { folder, prefix });
      expect(page.headers.get('content-type')).toContain('text/html');
      expect(page.headers.get('content-security-policy')).toContain("base-uri 'none'");
      const text = await page.text();
      expect(text).toContain(`href="${prefix}/icon.svg"`);
      expect(text).toContain(`src="${prefix}/assets/main.js"`);
      expect(text).toContain(`<meta name="lowrank-prefix" content="${prefix}" />`);
    }
    expect(await (await get('/assets/main.js', { folder, prefix })).text()).toBe('let a;');
    expect(await (await get('/icon.svg', { folder, prefix })).text()).toBe('<svg/>');
  },
);

test('a page that is not built is told of', async () => {
  for (const path of ['/', '/icon.svg']) {
    const answer = await get(path, { folder: join(folder, 'none') });
    expect(answer.status).toBe(404);
    expect(await answer.text()).toContain('dashboard_not_built');
  }
});
