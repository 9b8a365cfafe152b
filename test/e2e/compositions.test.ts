/** Compositions and exports by a worker process, asked for over HTTP and from the command line. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adapterObject } from '#contracts/http/adapters.js';
import { run } from '../../apps/cli/test/run-cli.js';
import { type ApiServer, startApi } from '../integration/api-server.js';
import { storeAdapter } from '../integration/composed-adapters.js';
import { cuttingProxy } from './stack-proxy.js';
import { WorkerStack, type WorkerProcess } from './worker-stack.js';

let api: ApiServer;
let worker: WorkerProcess;
let a: string;
let b: string;

beforeAll(async () => {
  api = await startApi();
  await api.smallJob();
  a = await storeAdapter(api.platform, { seed: 1, r: 4 });
  b = await storeAdapter(api.platform, { seed: 2, r: 3 });
  worker = await WorkerStack.workerOn(api.postgres);
}, 120_000);
afterAll(async () => {
  worker.child.kill('SIGKILL');
  await worker.ended;
  await api[Symbol.asyncDispose]();
});

interface Made {
  readonly id: string;
  readonly status: string;
  readonly adapter: string;
  readonly url: string;
  readonly report: { readonly recipe_id: string };
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly sha256: string }[];
}

const cli = async (...args: string[]) => {
  const { code, stdout, stderr } = await run([...args, '--json'], { url: api.url });
  if (code !== 0) throw new Error(`${stderr}\n${worker.output()}`);
  return JSON.parse(stdout) as Made;
};

test('a composition becomes an adapter with its recipe, the same recipe the same one', async () => {
  const first = await cli('compose', `${a}=0.7`, `${b}=-0.3`, '--rank', '4');
  const preview = {
    members: [
      { adapter: a, weight: 0.7 },
      { adapter: b, weight: -0.3 },
    ],
    rank: 4,
    preview: true,
  };
  const shown = (await api.call('POST', '/v1/compositions', preview)).body['report'];
  // Members are compared where somebody chooses them.
  expect(first.report).toEqual({ ...(shown as object), conflicts: null });
  const adapter = (await api.call('GET', `/v1/adapters/${first.adapter}`)).body;
  expect(adapter).toMatchObject({
    composition: first.id,
    job: null,
    model: 'tiny',
    recipe: { id: first.report.recipe_id },
  });
  const again = await cli('compose', `${b}=-0.3`, `${a}=0.7`, '--rank', '4');
  expect(again.adapter).toBe(first.adapter);
  const text = await run(['compose', `${a}=1`, `${first.adapter}=0.5`], { url: api.url });
  expect(text.stdout).toContain('kept energy 1.000000');
});

test('the command lists, cancels and deletes what was asked for', async () => {
  const composition = await cli('compose', `${a}=0.25`, `${b}=0.5`);
  const made = await cli('export', b);
  const { stdout } = await run(['compositions', '--limit', '1'], { url: api.url });
  expect(stdout).toMatch(
    new RegExp(
      `\\n${composition.id} +succeeded +1\\.000000 +${composition.adapter} .*  ${a}=0.25 ${b}=0.5\\n$`,
    ),
  );
  expect(await cli('exports', '--adapter', b)).toEqual(made);
  for (const [kind, id] of [
    ['compositions', composition.id],
    ['exports', made.id],
  ] as const) {
    const late = await run([kind, 'cancel', id], { url: api.url });
    expect([late.code, late.stderr]).toEqual([6, expect.stringContaining(`${id} is succeeded`)]);
    expect(await cli(kind, 'delete', id)).toMatchObject({ id, deleted: true });
    expect((await run([kind, 'delete', id], { url: api.url })).code).toBe(5);
  }
  expect((await run(['exports', '--adapter', b], { url: api.url })).stdout).toBe('No exports.\n');
});

test('deleting a member while its composition waits or runs harms nothing', async () => {
  const doomed = await storeAdapter(api.platform, { seed: 9, r: 2 });
  const made = cli('compose', `${doomed}=1`, `${a}=1`);
  await expect.poll(async () => (await api.call('GET', '/v1/compositions')).text).toContain(doomed);
  await api.call('DELETE', `/v1/adapters/${doomed}`);
  expect((await made).status).toBe('succeeded');
});

test('a merged model comes in shards that are what their SHA-256 says', async () => {
  const made = await cli('export', a, '--merged', 'f16', '--shard-bytes', '40000');
  const files = made.files;
  expect(files.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['config.json', 'model.safetensors.index.json', 'tokenizer.json']),
  );
  expect(files.filter(({ name }) => /^model-\d+-of-\d+\.safetensors$/.test(name)).length).toBeGreaterThan(1);
  for (const { name, sha256 } of files) {
    const response = await fetch(`${api.url}/v1/exports/${made.id}/files/${name}`);
    const content = Buffer.from(await response.arrayBuffer());
    expect(createHash('sha256').update(content).digest('hex'), name).toBe(sha256);
  }
});

test("an adapter comes in every other form, and in kohya's and as an archive it can be sent back", async () => {
  const content = async ({ id }: Made, name: string) =>
    Buffer.from(await (await fetch(`${api.url}/v1/exports/${id}/files/${name}`)).arrayBuffer());
  const sendBack = async (bytes: Buffer) => {
    const form = new FormData();
    form.set('model', 'tiny');
    form.set('file', new Blob([bytes]), 'adapter');
    return adapterObject.parse((await api.call('POST', '/v1/adapters', form)).body);
  };
  const namesOf = ({ files }: Made) => files.map(({ name }) => name).toSorted();
  const gguf = await cli('export', a, '--format', 'gguf');
  expect(namesOf(gguf)).toEqual(['Modelfile', 'adapter-f32.gguf']);
  expect((await content(gguf, 'adapter-f32.gguf')).subarray(0, 4).toString()).toBe('GGUF');
  const portable = await cli('export', a, '--format', 'portable');
  expect(namesOf(portable)).toEqual(['README.md', 'adapter_config.json', 'adapter_model.safetensors']);
  const [kohya, archive] = [
    await cli('export', a, '--format', 'kohya'),
    await cli('export', a, '--format', 'archive'),
  ];
  const again = await sendBack(await content(kohya, 'lora.safetensors'));
  const own = adapterObject.parse((await api.call('GET', `/v1/adapters/${a}`)).body);
  expect(again.sha256).toBe(own.sha256);
  const sent = await sendBack(await content(archive, 'adapter.tar.gz'));
  expect(sent.sha256).toBe(portable.files.find(({ name }) => name === 'adapter_model.safetensors')!.sha256);
});

test('a merged model is fetched into a folder, and goes on where it broke off', async () => {
  const folder = join(api.home, 'merged');
  const templates = join(api.home, 'models-of-tests/tiny/additional_chat_templates');
  await mkdir(templates);
  await writeFile(join(templates, 'tool_use.jinja'), 'with tools');
  const proxy = await cuttingProxy(api.url);
  const partial = (id: string) => join(api.home, `.merged-${id}`);
  const shards = ['--merged', 'f32', '--shard-bytes', '40000'];
  const made = await cli('export', a, ...shards);
  // As a command that was killed left it: one file whole, one begun, one begun with other bytes.
  await mkdir(partial(made.id));
  const [whole, begun, wrong] = made.files.filter(({ name }) => name.startsWith('model-'));
  const content = async (name: string) =>
    Buffer.from(await (await fetch(`${api.url}/v1/exports/${made.id}/files/${name}`)).arrayBuffer());
  await writeFile(join(partial(made.id), whole!.name), await content(whole!.name));
  await writeFile(join(partial(made.id), begun!.name), (await content(begun!.name)).subarray(0, 1000));
  await writeFile(join(partial(made.id), wrong!.name), 'no tensors');
  const damaged = await run(['export', a, ...shards, '--out', folder], { url: proxy.url });
  expect([damaged.code, damaged.stderr]).toEqual([1, expect.stringContaining(wrong!.name)]);
  const got = await run(['export', a, ...shards, '--out', folder, '--json'], { url: proxy.url });
  expect(JSON.parse(got.stdout)).toMatchObject({ id: made.id, folder });
  for (const { name, sha256 } of made.files) {
    const bytes = await readFile(join(folder, name));
    expect(createHash('sha256').update(bytes).digest('hex'), name).toBe(sha256);
  }
  expect(made.files.map(({ name }) => name)).toContain('additional_chat_templates/tool_use.jinja');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  expect(entries.filter((entry) => entry.isFile())).toHaveLength(made.files.length);
  expect(await readdir(api.home)).not.toContain(`.merged-${made.id}`);
  expect((await run(['export', a, ...shards, '--out', folder], { url: api.url })).code).toBe(6);
  await proxy.close();
});

test('a file of an export is given from where a client has it, and refused beyond its end', async () => {
  const { id, files } = await cli('export', a, '--merged', 'f16');
  const { name, bytes } = files.find((file) => file.name.endsWith('.safetensors'))!;
  const url = `${api.url}/v1/exports/${id}/files/${name}`;
  const whole = Buffer.from(await (await fetch(url)).arrayBuffer());
  for (const from of [1, 70_000, bytes - 1]) {
    const rest = await fetch(url, { headers: { range: `bytes=${from}-` } });
    expect([rest.status, rest.headers.get('content-range')]).toEqual([
      206,
      `bytes ${from}-${bytes - 1}/${bytes}`,
    ]);
    expect(Buffer.from(await rest.arrayBuffer()).equals(whole.subarray(from))).toBe(true);
  }
  const beyond = await fetch(url, { headers: { range: `bytes=${bytes}-` } });
  expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${bytes}`]);
});

test('links are listed, their uses told, and revoked', async () => {
  const { id, url } = await cli('share', b, '--expires', '2h', '--downloads', '5');
  await fetch(url, { headers: { 'user-agent': 'a visitor' } });
  const list = async () => (await run(['shares', b], { url: api.url })).stdout;
  expect(await list()).toMatch(new RegExp(`${id} +${b} +open +0 of 5`));
  expect((await run(['shares', 'accesses', id], { url: api.url })).stdout).toMatch(/page .*a visitor/);
  expect((await run(['shares', 'revoke', id], { url: api.url })).code).toBe(0);
  expect(await list()).toContain('revoked');
  expect((await fetch(url)).status).toBe(404);
  expect((await run(['shares', 'revoke', 'share-none'], { url: api.url })).code).toBe(5);
});

test('a link made from the command line opens', async () => {
  const { url } = await cli('share', a, '--expires', '7d');
  const page = await fetch(url);
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('LoRA adapter for tiny')]);
});
