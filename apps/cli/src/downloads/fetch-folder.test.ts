import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { LowrankClient } from '#client/client.js';
import type { AdapterObject } from '#contracts/http/adapters.js';
import type { ExportObject } from '#contracts/http/compositions.js';
import { type StubAnswer, type StubServer, stubServer } from '../../../../test/stub-server.js';
import { fetchAdapter, fetchExport, partialExport } from './fetch-folder.js';

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
  classes: null,
  runs_on: [],
  notes: [],
  files,
  bytes: 100_002,
  sha256: files[1]!.sha256,
};

async function serve(answer: StubAnswer) {
  const server = await stubServer(answer);
  servers.push(server);
  return { client: new LowrankClient({ url: server.url }), seen: server.seen };
}

test.each(['../outside', '/etc/passwd', 'a/../../b', '.hidden'])(
  'a file called %s is not fetched',
  async (name) => {
    const { client, seen } = await serve((_, response) => response.end('x'));
    const made = { ...adapter, files: [{ ...files[0]!, name }] };
    const target = join(folder, 'misnamed');
    await expect(fetchAdapter(client, made, target)).rejects.toMatchObject({ code: 'answer_unexpected' });
    expect(seen).toEqual([]);
  },
);

const send: StubAnswer = ({ path }, response) => {
  response.end(contents[path.split('/').at(-1) as keyof typeof contents]);
};

test('all files come into a new folder, also if the connection breaks in the middle', async () => {
  let breaks = 1;
  const { client, seen } = await serve((request, response, count) => {
    if (!request.path.endsWith('safetensors') || breaks-- <= 0) return send(request, response, count);
    response.writeHead(200, { 'content-length': 100_000 });
    response.write('xxx', () => response.destroy());
  });
  const out = join(folder, 'deep', 'new');
  const sent: [number, number][] = [];
  await fetchAdapter(client, adapter, out, { onProgress: (_, done, total) => sent.push([done, total]) });
  for (const [name, text] of Object.entries(contents))
    expect(await readFile(join(out, name), 'utf8')).toBe(text);
  expect(sent.at(-1)).toEqual([100_002, 100_002]);
  expect(seen).toHaveLength(3);
  expect(await readdir(join(folder, 'deep'))).toEqual(['new']);
});

test('a file with other content leaves no folder', async () => {
  const { client } = await serve((_, response) => response.end('y'.repeat(100_000)));
  const out = join(folder, 'damaged');
  await expect(fetchAdapter(client, adapter, out)).rejects.toMatchObject({ code: 'download_damaged' });
  expect(await readdir(folder)).not.toContain('damaged');
  expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
});

test('a folder with something in it is not touched, an empty one is taken', async () => {
  const { client } = await serve(send);
  const full = join(folder, 'full');
  await mkdir(full);
  await writeFile(join(full, 'mine'), '');
  await expect(fetchAdapter(client, adapter, full)).rejects.toMatchObject({ code: 'output_exists' });
  const empty = join(folder, 'empty');
  await mkdir(empty);
  await fetchAdapter(client, adapter, empty);
  expect(await readdir(empty)).toEqual(Object.keys(contents));
});

const file = {
  name: 'model.safetensors',
  bytes: 6,
  sha256: createHash('sha256').update('abcdef').digest('hex'),
};
const merged: ExportObject = {
  id: 'export-1',
  object: 'export',
  created_at: 0,
  finished_at: 1,
  status: 'succeeded',
  model: 'tiny',
  adapter: 'adapter-1',
  checkpoint: null,
  format: 'merged',
  dtype: 'f16',
  max_shard_bytes: 5e9,
  progress: null,
  waiting: null,
  files: [file],
  bytes: 6,
  error: null,
};

test('a merged model goes on where an earlier try stopped', async () => {
  const { client, seen } = await serve(({ headers }, response) => {
    expect(headers['range']).toBe('bytes=4-');
    response.writeHead(206, { 'content-range': 'bytes 4-5/6', 'content-length': 2 });
    response.end('ef');
  });
  const out = join(folder, 'merged');
  await mkdir(partialExport(merged, out));
  await writeFile(join(partialExport(merged, out), file.name), 'abcd');
  const sent: number[] = [];
  await fetchExport(client, merged, out, { onProgress: (_, done) => sent.push(done) });
  expect(await readFile(join(out, file.name), 'utf8')).toBe('abcdef');
  expect(sent).toEqual([4, 6]);
  expect(seen).toHaveLength(1);
});

test('a merged model that is there already is not fetched again, and a damaged file is', async () => {
  const { client, seen } = await serve((_, response) => response.end('abcdef'));
  const out = join(folder, 'again');
  const partial = partialExport(merged, out);
  await mkdir(partial);
  await writeFile(join(partial, file.name), 'abcdeX');
  await expect(fetchExport(client, merged, out)).rejects.toMatchObject({ code: 'download_damaged' });
  expect(seen).toHaveLength(0);
  await fetchExport(client, merged, out);
  expect(seen).toHaveLength(1);
  expect(await readFile(join(out, file.name), 'utf8')).toBe('abcdef');
});

test('what has come of a merged model stays when fetching it is ended', async () => {
  const { client } = await serve((_, response) => {
    response.writeHead(200, { 'content-length': 6 });
    response.write('abc');
  });
  const out = join(folder, 'ended');
  const abort = new AbortController();
  const onProgress = (_: string, done: number) => {
    if (done === 3) abort.abort(new Error('enough'));
  };
  await expect(fetchExport(client, merged, out, { signal: abort.signal, onProgress })).rejects.toThrow(
    'enough',
  );
  expect(await readdir(partialExport(merged, out))).toEqual([file.name]);
  expect(await readdir(folder)).not.toContain('ended');
});
