/** Adapters as other programs leave them are imported, answer, are composed and trained on, and say what was passed over. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from 'tar';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AdapterObject, adapterObject } from '#contracts/http/adapters.js';
import { startTestStack, type TestStack } from './stack.js';
import { collect, waitForEnd } from './stack-watch.js';
import { runByHand, writeJob } from './trainer-process.js';

const fixtures = join(import.meta.dirname, '../fixtures/adapters');
const unknownFields = ['hydra_config', 'use_qdora2', 'sparse_block'];
const readable = ['new-fields', 'init-orthogonal', 'default-keys'] as const;

let stack: TestStack;
let training_file: string;
const adapters = new Map<string, AdapterObject>();

beforeAll(async () => {
  stack = await startTestStack();
  const data = join(stack.home, 'texts.jsonl');
  await writeFile(
    data,
    `${JSON.stringify({ text: 'In the beginning there was nothing to learn.' })}\n`.repeat(8),
  );
  training_file = (await stack.client.files.upload(new Blob([await readFile(data)]), 'texts.jsonl')).id;
  for (const name of readable) adapters.set(name, adapterObject.parse(await (await send(name)).json()));
}, 180_000);
afterAll(() => stack?.close());

async function send(name: string): Promise<Response> {
  const archive = join(stack.home, `${name}.tar`);
  await create({ file: archive, cwd: join(fixtures, name) }, ['.']);
  const form = new FormData();
  form.set('file', new Blob([await readFile(archive)]), 'adapter.tar');
  return fetch(`${stack.url}/v1/adapters`, { method: 'POST', body: form });
}

const post = async (path: string, body: object) => {
  const response = await fetch(`${stack.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return JSON.parse(text) as Record<string, unknown>;
};

const training = { max_steps: 1, batch_size: 1, block_length: 32 };

describe.each(readable)('%s', (name) => {
  test('is imported, with a note on fields that are not known', () => {
    const notes = adapters.get(name)!.notes.join();
    const named = unknownFields.filter((field) => notes.includes(field));
    expect(named).toEqual(name === 'new-fields' ? unknownFields : []);
  });

  test('answers', async () => {
    const answer = await post('/v1/completions', {
      model: adapters.get(name)!.name,
      prompt: 'In the beginning',
      max_tokens: 4,
      temperature: 0,
    });
    expect(answer['choices']).toMatchObject([{ text: expect.stringMatching(/\S/) as unknown }]);
  });

  test('is composed', async () => {
    const { report } = await post('/v1/compositions', {
      members: [{ adapter: adapters.get(name)!.id, weight: 0.5 }],
      preview: true,
    });
    expect(report).toMatchObject({ members: [{ weight: 0.5 }] });
  });

  test('is trained on by the service', async () => {
    const { client } = stack;
    const request = { model: 'prose-4m', training_file, init_adapter: adapters.get(name)!.id, training };
    const { id } = await client.jobs.create(request);
    const { status, error } = await waitForEnd(client, id);
    expect({ status, error }).toEqual({ status: 'succeeded', error: null });
    const events = await collect(client.jobs.events(id));
    const notes = events.filter(({ message }) => unknownFields.some((field) => message.includes(field)));
    expect(notes.length > 0).toBe(name === 'new-fields');
  });

  test('is trained on by hand', async () => {
    const file = await writeJob(stack.home, {
      base_model: join(import.meta.dirname, '../../models/prose-4m'),
      training_file: join(stack.home, 'texts.jsonl'),
      init_adapter: join(fixtures, name),
      training,
      output_folder: `by-hand-${name}`,
    });
    const { code, stdout, stderr } = await runByHand(file);
    expect(code, `${stdout}\n${stderr}`).toBe(0);
    expect(unknownFields.every((field) => stdout.includes(field))).toBe(name === 'new-fields');
  });
});

test('keys with the name of the adapter mean the same adapter', async () => {
  const [plain, named] = ['new-fields', 'default-keys'].map((name) => adapters.get(name)!);
  const { report } = await post('/v1/compositions', {
    members: [
      { adapter: plain!.id, weight: 1 },
      { adapter: named!.id, weight: 1 },
    ],
    preview: true,
  });
  // Adapters with the same numbers are one member.
  expect(report).toMatchObject({ members: [{ weight: 2 }] });
});

test('an adapter that was saved without its weights is refused with the way to save it', async () => {
  const response = await send('zero3-empty');
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  expect(response.status).toBe(400);
  expect(error.code).toBe('adapter_incomplete');
  expect(error.message).toMatch(/saved without its weights \(DeepSpeed ZeRO-3\).*zero_to_fp32/);
});
