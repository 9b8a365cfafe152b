import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { job as answered, page } from '../../test/answers.js';
import { run } from '../../test/run-cli.js';
import { sendJson, type StubServer, stubServer } from '../../../../test/stub-server.js';

const exported = {
  id: 'ftjob-old',
  object: 'fine_tuning.job',
  model: 'gpt-4o-mini-2024-07-18',
  fine_tuned_model: 'ft:gpt-4o-mini-2024-07-18:org:my tone:abc',
  training_file: 'file-a',
  validation_file: null,
  hyperparameters: { n_epochs: 3, batch_size: 'auto', learning_rate_multiplier: 1.8 },
  method: {
    type: 'supervised',
    supervised: { hyperparameters: { n_epochs: 3 } },
    dpo: null,
    reinforcement: null,
  },
  seed: 7,
  metadata: { team: 'a' },
  result_files: [],
};

let folder: string;
let server: StubServer | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lowrank-openai-'));
  await writeFile(join(folder, 'jobs.json'), JSON.stringify({ object: 'list', data: [exported] }));
  await writeFile(join(folder, 'file-a.jsonl'), '{"text": "a"}\n');
});
afterEach(async () => {
  await server?.close();
  await rm(folder, { recursive: true });
});

const asFile = {
  id: 'file-new',
  object: 'file',
  bytes: 1,
  created_at: 1,
  filename: 'a',
  purpose: 'fine-tune',
  status: 'processed',
  sha256: '',
  report: null,
};

/** Has these jobs already. */
const serve = async (jobs: readonly object[]) =>
  stubServer(({ path, method }, response) => {
    if (path === '/v1/files') sendJson(response, asFile);
    else sendJson(response, method === 'GET' ? page(jobs) : answered);
  });
const begun = ({ seen }: StubServer) =>
  seen.filter(({ path, method }) => method === 'POST' && path === '/v1/fine_tuning/jobs');

test('a job is begun again with its file, numbers, seed, suffix and metadata', async () => {
  server = await serve([]);
  const { code, stdout, stderr } = await run(
    ['import-openai', folder, '--model', 'gpt-4o-mini-2024-07-18=qwen'],
    server,
  );
  expect(code, stderr).toBe(0);
  expect(stdout).toContain('ftjob-old is ');
  const sent = begun(server)[0]!;
  expect(JSON.parse(sent.body)).toEqual({
    model: 'qwen',
    training_file: 'file-new',
    method: {
      type: 'supervised',
      supervised: { hyperparameters: { n_epochs: 3, learning_rate_multiplier: 1.8 } },
    },
    seed: 7,
    suffix: 'my-tone',
    metadata: { team: 'a', openai_job: 'ftjob-old' },
  });
});

test('what is missing is said before anything is sent', async () => {
  server = await stubServer((_, response) => sendJson(response, {}));
  const unnamed = await run(['import-openai', folder, '--model', 'other=qwen'], server);
  expect(unnamed.stderr).toContain('--model gpt-4o-mini-2024-07-18=NAME');
  await rm(join(folder, 'file-a.jsonl'));
  const missing = await run(['import-openai', folder, '--model', 'qwen'], server);
  expect(missing.stderr).toContain('file-a.jsonl');
  await writeFile(
    join(folder, 'jobs.json'),
    JSON.stringify([{ ...exported, method: { type: 'reinforcement' } }]),
  );
  const other = await run(['import-openai', folder, '--model', 'qwen'], server);
  expect(other.stderr).toContain('reinforcement');
  expect([unnamed.code, missing.code, other.code]).not.toContain(0);
  expect(server.seen).toEqual([]);
});

const imported = { ...answered, id: 'ftjob-here', model: 'qwen', metadata: { openai_job: 'ftjob-old' } };
const again = (args: readonly string[] = []) =>
  run(['import-openai', folder, '--model', 'qwen', ...args], server);

test('a job that an earlier import has begun is not begun twice, unless that is asked for', async () => {
  server = await serve([{ ...imported, status: 'running' }]);
  const { code, stdout, stderr } = await again();
  expect(code, stderr).toBe(0);
  expect(stdout).toContain('ftjob-old is ftjob-here here already, and running; --again');
  expect(server.seen.map(({ path, query }) => [path, query.get('metadata[openai_job]')])).toEqual([
    ['/v1/fine_tuning/jobs', 'ftjob-old'],
  ]);
  expect((await again(['--again'])).code).toBe(0);
  expect(begun(server)).toHaveLength(1);
});

test('a job that failed, was cancelled or is on another base is begun once more', async () => {
  const others = [
    { ...imported, status: 'failed' },
    { ...imported, status: 'cancelled' },
    { ...imported, status: 'succeeded', model: 'llama' },
  ];
  server = await serve(others);
  expect((await again()).code).toBe(0);
  expect(begun(server)).toHaveLength(1);
});

test('of a job whose metadata are full it is said that it is not remembered', async () => {
  const metadata = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`entry${i}`, 'x']));
  await writeFile(join(folder, 'jobs.json'), JSON.stringify([{ ...exported, metadata }]));
  server = await serve([]);
  const { code, stderr } = await again();
  expect(code).toBe(0);
  expect(stderr).toContain('ftjob-old has no room in its metadata');
  expect(begun(server)).toHaveLength(1);
});
