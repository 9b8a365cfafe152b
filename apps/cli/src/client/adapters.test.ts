import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { AdapterObject } from '#contracts/http/adapters.js';
import { page } from '../../test/answers.js';
import { sendJson, type StubAnswer, type StubServer, stubServer } from '../../test/stub-server.js';
import { LowrankClient } from './client.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adapters-'));
});
afterAll(() => rm(folder, { recursive: true }));

const servers: StubServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const contents = { 'adapter_config.json': '{}', 'adapter_model.safetensors': 'x'.repeat(100_000) };
const files = Object.entries(contents).map(([name, text]) => {
  return { name, bytes: text.length, sha256: createHash('sha256').update(text).digest('hex') };
});
const adapter: AdapterObject = {
  id: 'adapter-1',
  object: 'adapter',
  created_at: 0,
  name: 'ft:tiny:default:verse:1',
  model: 'tiny',
  base_identity: null,
  job: 'ftjob-1',
  composition: null,
  recipe: null,
  config: {},
  files,
  bytes: 100_002,
  sha256: files[1]!.sha256,
};

async function serve(answer: StubAnswer) {
  const server = await stubServer(answer);
  servers.push(server);
  return { adapters: new LowrankClient({ url: server.url }).adapters, seen: server.seen };
}

const send: StubAnswer = ({ path }, response) => {
  const name = path.split('/').at(-1) as keyof typeof contents;
  if (contents[name] === undefined)
    sendJson(response, path.endsWith('/adapters') ? page([adapter]) : adapter);
  else response.end(contents[name]);
};

test.each([['adapter-1'], ['ft:tiny:default:verse:1'], ['ftjob-1'], ['verse']])(
  '%s finds the adapter',
  async (reference) => {
    const { adapters } = await serve(send);
    expect(await adapters.find(reference)).toEqual(adapter);
  },
);

test('of several adapters with one suffix none is meant, and their ids are told', async () => {
  const other = { ...adapter, id: 'adapter-2', name: 'ft:tiny:default:verse:2', job: null };
  const { adapters } = await serve((_, response) => sendJson(response, page([other, adapter])));
  await expect(adapters.find('verse')).rejects.toMatchObject({
    code: 'adapter_ambiguous',
    message: expect.stringContaining('adapter-2, adapter-1') as string,
  });
  expect(await adapters.find('ftjob-1')).toEqual(adapter);
});

test('what no adapter is called is an error', async () => {
  const { adapters } = await serve(send);
  await expect(adapters.find('none')).rejects.toMatchObject({ code: 'adapter_not_found' });
});

test('all files come into a new folder, also if the connection breaks in the middle', async () => {
  let breaks = 1;
  const { adapters, seen } = await serve((request, response, count) => {
    if (!request.path.endsWith('safetensors') || breaks-- <= 0) return send(request, response, count);
    response.writeHead(200, { 'content-length': 100_000 });
    response.write('xxx', () => response.destroy());
  });
  const out = join(folder, 'deep', 'new');
  const told: [number, number][] = [];
  await adapters.download(adapter, out, { onProgress: (done, total) => told.push([done, total]) });
  for (const [name, text] of Object.entries(contents))
    expect(await readFile(join(out, name), 'utf8')).toBe(text);
  expect(told.at(-1)).toEqual([100_002, 100_002]);
  expect(seen).toHaveLength(3);
  expect(await readdir(join(folder, 'deep'))).toEqual(['new']);
});

test('a file with other content leaves no folder', async () => {
  const { adapters } = await serve((_, response) => response.end('y'.repeat(100_000)));
  const out = join(folder, 'damaged');
  await expect(adapters.download(adapter, out)).rejects.toMatchObject({ code: 'download_damaged' });
  expect(await readdir(folder)).not.toContain('damaged');
  expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
});

test('a folder with something in it is not touched, an empty one is taken', async () => {
  const { adapters } = await serve(send);
  const full = join(folder, 'full');
  await mkdir(full);
  await writeFile(join(full, 'mine'), '');
  await expect(adapters.download(adapter, full)).rejects.toMatchObject({ code: 'output_exists' });
  const empty = join(folder, 'empty');
  await mkdir(empty);
  await adapters.download(adapter, empty);
  expect(await readdir(empty)).toEqual(Object.keys(contents));
});
