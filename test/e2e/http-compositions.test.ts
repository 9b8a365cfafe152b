/** What is done with a trained adapter: composed with one of its checkpoints, exported, shared; with its base's licence. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openAdapter } from '#adapters/read-adapter.js';
import { cardLicence } from '#models/model-origin.js';
import type { LowrankClient } from '#client/client.js';
import { fetchAdapter } from '../../apps/cli/src/downloads/fetch-folder.js';
import { run } from '../../apps/cli/test/run-cli.js';
import { prepareTinyJob, startTestStack, type TestStack } from './stack.js';
import { collect, waitForEnd } from './stack-watch.js';

let stack: TestStack;
let client: LowrankClient;
let adapter: string;
let checkpoint: string;

beforeAll(async () => {
  stack = await startTestStack();
  ({ client } = stack);
  const job = await prepareTinyJob(stack);
  await writeFile(join(stack.home, 'tiny/model/README.md'), '---\nlicense: cc-by-4.0\n---\n# Tiny\n');
  const { id } = await client.jobs.create({ ...job, training: { ...job.training, checkpoint_steps: 5 } });
  adapter = (await waitForEnd(client, id)).adapter!;
  const checkpoints = await collect(client.jobs.checkpoints(id));
  checkpoint = checkpoints.at(-1)!.id;
}, 120_000);
afterAll(() => stack?.close());

const cli = async (...args: string[]) => {
  const { code, stdout, stderr } = await run([...args, '--json'], { url: stack.url });
  if (code !== 0) throw new Error(`${stderr}\n${stack.lines.join('\n')}`);
  return JSON.parse(stdout) as {
    id: string;
    adapter: string;
    url: string;
    files: { name: string; sha256: string }[];
  };
};

test('an adapter and a checkpoint are composed, and every adapter names its base and the licence', async () => {
  const made = await cli('compose', `${adapter}=0.5`, `${checkpoint}=0.5`, '--rank', '4');
  for (const id of [adapter, made.adapter]) {
    const folder = join(stack.home, `fetched-${id}`);
    await fetchAdapter(client, await client.adapters.get(id), folder);
    expect(cardLicence(await readFile(join(folder, 'README.md'), 'utf8'))).toBe('cc-by-4.0');
    const opened = await openAdapter(folder);
    expect(opened.config.base_model_name_or_path).toBe('tiny');
    expect([...opened.modules.keys()]).toContain('model.layers.1.self_attn.v_proj');
  }
  const { url } = await cli('share', made.adapter);
  const page = await (await fetch(url)).text();
  for (const part of ['cc-by-4.0', 'tiny', 'Composed of']) expect(page).toContain(part);
});

test('a checkpoint is exported as a merged model', async () => {
  const folder = join(stack.home, 'merged');
  const { files } = await cli('export', checkpoint, '--merged', 'bf16', '--out', folder);
  for (const { name, sha256 } of files) {
    expect(
      createHash('sha256')
        .update(await readFile(join(folder, name)))
        .digest('hex'),
      name,
    ).toBe(sha256);
  }
  expect(files.map(({ name }) => name)).toContain('config.json');
});

test('a token stands in no log of any process, whatever is asked with it', async () => {
  const { url } = await cli('share', adapter, '--downloads', '1');
  const token = url.split('/s/')[1]!;
  for (const end of [
    '',
    '/',
    '?x=1',
    '/files/adapter_model.safetensors',
    '/files/adapter_model.safetensors',
    '/files/x',
    '/y',
  ]) {
    await fetch(`${url}${end}`);
    await fetch(`${url.replace('/s/', '//s/')}${end}`);
  }
  await fetch(`${stack.url}/v1/models`, { headers: { referer: url } });
  await client.ready();
  expect(token).toMatch(/^[A-Za-z0-9]{42}$/);
  await expect.poll(() => stack.lines.some((line) => line.includes('/s/***'))).toBe(true);
  expect(stack.lines.join('\n')).not.toContain(token);
});
