/** A server behind a proxy, under a path of its host, and used by pages of other origins. */
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LowrankClient } from '#client/client.js';
import { type ApiServer, scriptedGenerator, startApi } from './api-server.js';
import { storeAdapter } from './composed-adapters.js';

const page = 'https://app.example.com';

describe('under a path of a host', () => {
  const prefix = '/tools/lowrank';
  let api: ApiServer;
  let adapter: string;
  /** By whether they take the path off. */
  let proxies: readonly { readonly kind: string; readonly server: Server; readonly url: string }[];

  beforeAll(async () => {
    api = await startApi({ generatorMain: scriptedGenerator, environment: { LOWRANK_PATH_PREFIX: prefix } });
    await api.smallJob();
    adapter = await storeAdapter(api.platform, { seed: 1, r: 2 });
    proxies = await Promise.all([proxy('passes it on', (path) => path), proxy('takes it off', stripped)]);
  }, 120_000);
  afterAll(async () => {
    for (const { server } of proxies) server.close().closeAllConnections();
    await api[Symbol.asyncDispose]();
  });

  const stripped = (path: string) => path.slice(prefix.length) || '/';

  /** Knows no other path than the prefix. */
  async function proxy(kind: string, forwarded: (path: string) => string) {
    const server = createServer((request, response) => {
      if (!request.url!.startsWith(prefix)) return void response.writeHead(418).end();
      const { method, headers } = request;
      const passed = httpRequest(api.url + forwarded(request.url!), { method, headers }, (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      });
      passed.on('error', () => response.destroy());
      request.pipe(passed);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return { kind, server, url: `http://127.0.0.1:${port}` };
  }

  test.each([0, 1])("OpenAI's client and our own work through proxy %i", async (index) => {
    const { url } = proxies[index]!;
    const openai = new OpenAI({ baseURL: `${url}${prefix}/v1`, apiKey: 'none', maxRetries: 0 });
    const answer = await openai.completions.create({ model: 'tiny', prompt: 'Is it?' });
    expect(answer.choices[0]!.text).toBe('Well, yes.');
    const pieces: string[] = [];
    for await (const { choices } of await openai.completions.create({
      model: 'tiny',
      prompt: 'Is it?',
      stream: true,
    })) {
      pieces.push(choices[0]!.text);
    }
    expect(pieces.join('')).toBe('Well, yes.');
    const client = new LowrankClient({ url: `${url}${prefix}` });
    const [file] = (await openai.files.list()).data;
    const job = await client.jobs.create({ model: 'tiny', training_file: file!.id });
    const stream = await fetch(`${url}${prefix}/v1/fine_tuning/jobs/${job.id}/stream`);
    const { value } = await stream.body!.getReader().read();
    expect(Buffer.from(value as Uint8Array).toString()).toContain(': still here');
    await client.jobs.cancel(job.id);
  });

  test.each([0, 1])('links open through proxy %i, and what they link to', async (index) => {
    const { url } = proxies[index]!;
    const { path } = (await api.call('POST', '/v1/shares', { adapter })).body as unknown as { path: string };
    expect(path).toMatch(new RegExp(`^${prefix}/s/`));
    const shown = await fetch(url + path);
    const text = await shown.text();
    const links = [...text.matchAll(/href="([^"]+files[^"]+)"/g)].map(
      ([, link]) => new URL(link!, shown.url),
    );
    expect(links).toHaveLength(3);
    for (const link of links) expect((await fetch(link)).status).toBe(200);
  });

  test.each([0, 1])('the document and its page are found through proxy %i', async (index) => {
    const { url } = proxies[index]!;
    const shown = await fetch(`${url}${prefix}/docs`);
    const text = await shown.text();
    const files = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => new URL(file!, shown.url));
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) expect((await fetch(file)).status, file.href).toBe(200);
    const document = (await (await fetch(`${url}${prefix}/docs-json`)).json()) as { servers: object[] };
    expect(document.servers).toEqual([{ url: prefix }]);
  });

  test('what only begins like the path is none of it', async () => {
    for (const path of [`${prefix}x/health`, '/tools/health', `${prefix}/nothing`]) {
      expect((await api.call('GET', path)).status, path).toBe(404);
    }
    for (const path of ['/health', `${prefix}/health`, `${prefix}//health`]) {
      expect([200, 404]).toContain((await api.call('GET', path)).status);
    }
    expect((await api.call('GET', `${prefix}/v1/files?limit=1`)).body.data).toHaveLength(1);
  });

  test('the tokens of links stand in no log', async () => {
    const { path } = (await api.call('POST', '/v1/shares', { adapter })).body as unknown as { path: string };
    await api.call('GET', path);
    expect(api.logged.join('')).not.toContain(path.split('/').at(-1));
  });
});

test('a path that the server has itself is no prefix', async () => {
  await expect(startApi({ environment: { LOWRANK_PATH_PREFIX: '/v1/lowrank' } })).rejects.toMatchObject({
    code: 'configuration',
  });
});

describe('a page of another origin', () => {
  let api: ApiServer;
  beforeAll(async () => {
    api = await startApi({
      generatorMain: scriptedGenerator,
      environment: { LOWRANK_CORS_ORIGINS: `${page}, http://localhost:3000` },
    });
    await api.smallJob();
  }, 120_000);
  afterAll(() => api[Symbol.asyncDispose]());

  const preflight = (origin: string, path = '/v1/chat/completions') =>
    fetch(`${api.url}${path}`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,x-stainless-lang',
      },
    });
  const prompt = { model: 'tiny', messages: [{ role: 'user', content: 'Is it?' }] };

  test('that is named is let in, and reads answers, refusals and streams', async () => {
    const asked = await preflight(page);
    expect(asked.status).toBe(204);
    expect(asked.headers.get('access-control-allow-origin')).toBe(page);
    expect(asked.headers.get('access-control-allow-methods')).toContain('DELETE');
    expect(asked.headers.get('access-control-allow-headers')).toContain('x-stainless-lang');
    for (const body of [prompt, { ...prompt, stream: true }, { ...prompt, n: 0 }, { ...prompt, top_k: 1 }]) {
      const { headers, status } = await api.call('POST', '/v1/chat/completions', body, { origin: page });
      expect([200, 400]).toContain(status);
      expect(headers.get('access-control-allow-origin')).toBe(page);
      expect(headers.get('access-control-expose-headers')).toContain('warning');
      expect(headers.get('vary')).toContain('Origin');
    }
  });

  test('that is not named is not, with a key or without', async () => {
    const other = 'https://evil.example.com';
    expect((await preflight(other)).headers.get('access-control-allow-origin')).toBeNull();
    const without = await api.call('POST', '/v1/chat/completions', prompt, { origin: other });
    expect(without.body.error.code).toBe('origin_not_allowed');
    expect(without.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('may not take the name of this machine for its own', async () => {
    const { status, body } = await new Promise<{ status: number; body: string }>((resolve, reject) => {
      const headers = { origin: page, host: 'app.example.com' };
      const sent = httpRequest(`${api.url}/v1/files`, { headers }, (response) => {
        let text = '';
        response.on('data', (piece: Buffer) => (text += piece.toString()));
        response.on('end', () => resolve({ status: response.statusCode!, body: text }));
      });
      sent.on('error', reject);
      sent.end();
    });
    expect({ status, body }).toMatchObject({
      status: 403,
      body: expect.stringContaining('host_not_allowed') as string,
    });
  });
});

test('where every origin is allowed, a page needs a key', async () => {
  await using api = await startApi({ environment: { LOWRANK_CORS_ORIGINS: '*' } });
  const without = await api.call('GET', '/v1/files', undefined, { origin: page });
  expect(without.body.error.code).toBe('origin_not_allowed');
  expect(without.headers.get('access-control-allow-origin')).toBe('*');
  const { secret } = await api.keys.create({ name: 'k', project: 'default' });
  const withKey = await api.call('GET', '/v1/files', undefined, {
    origin: page,
    authorization: `Bearer ${secret}`,
  });
  expect(withKey.status).toBe(200);
});

test('where none is named, nobody is asked', async () => {
  await using api = await startApi();
  const asked = await fetch(`${api.url}/v1/files`, {
    method: 'OPTIONS',
    headers: { origin: page, 'access-control-request-method': 'GET' },
  });
  expect(asked.status).toBe(404);
  expect(asked.headers.get('access-control-allow-origin')).toBeNull();
});
