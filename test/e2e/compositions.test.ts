/** Compositions and exports by a worker process, asked for over HTTP and from the command line. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../apps/cli/test/run-cli.js';
import { type ApiServer, startApi } from '../integration/api-server.js';
import { storeAdapter } from '../integration/composed-adapters.js';
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
  readonly files: readonly { readonly name: string; readonly sha256: string }[];
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
  expect(first.report).toEqual((await api.call('POST', '/v1/compositions', preview)).body['report']);
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

test('deleting a member while its composition waits or bakes harms nothing', async () => {
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

test('a link made from the command line opens', async () => {
  const { url } = await cli('share', a, '--expires', '7d');
  const page = await fetch(url);
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('LoRA adapter for tiny')]);
});
