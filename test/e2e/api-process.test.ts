/** The API as a process: what it loads, when it refuses to start, how it ends. */
import type { ChildProcess } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { isAlive } from '#platform/process-identity.js';
import { eventually } from '../contract/waiting.js';
import { startTestPostgres, type TestPostgres } from '../embedded-postgres.js';
import { type ApiProcess, startApiProcess } from './api-process.js';
import { writeTinyJob } from './tiny-job.js';

let postgres: TestPostgres;
let children: ChildProcess[] = [];
beforeAll(async () => {
  postgres = await startTestPostgres();
}, 120_000);
afterAll(() => postgres.remove());
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children = [];
});

async function startApi(
  environment: Readonly<Record<string, string>>,
  execArgv: string[] = [],
): Promise<ApiProcess> {
  const api = await startApiProcess(postgres, environment, execArgv);
  children.push(api.child);
  return api;
}

/** Makes any attempt to load the engine fail, however it is tried. */
const guard = `
import { register } from 'node:module';
import Module from 'node:module';
const isEngine = (name) => /tensorflow|onnxruntime/.test(name);
const load = Module._load;
Module._load = (name, ...rest) => {
  if (isEngine(name)) throw new Error('the engine was loaded: ' + name);
  return load(name, ...rest);
};
register('data:text/javascript,' + encodeURIComponent(\`
  export async function resolve(name, context, next) {
    const found = await next(name, context);
    if (/tensorflow|onnxruntime/.test(found.url)) throw new Error('the engine was loaded: ' + found.url);
    return found;
  }\`));
`;

describe('the API process', () => {
  test('plans and makes jobs and has prompts answered without TensorFlow.js and ONNX Runtime', async () => {
    const preload = join(postgres.home, 'guard.mjs');
    await writeFile(preload, guard);
    const { url, log, child } = await startApi({}, ['--import', preload]);
    const folder = join(postgres.home, 'tiny-job');
    await writeTinyJob(folder);
    const post = async (path: string, body: object) => {
      const response = await fetch(`${url}${path}`, {
        method: 'POST',
        headers: body instanceof FormData ? {} : { 'content-type': 'application/json' },
        body: body instanceof FormData ? body : JSON.stringify(body),
      });
      const answer = (await response.json()) as Record<string, unknown>;
      expect(response.status, JSON.stringify(answer)).toBe(200);
      return answer;
    };
    expect(await post('/v1/base_models', { folder: join(folder, 'model'), name: 'tiny' })).toMatchObject({
      status: 'done',
    });
    const form = new FormData();
    form.set('purpose', 'fine-tune');
    form.set('file', new Blob([await readFile(join(folder, 'train.jsonl'))]), 'train.jsonl');
    const { id } = await post('/v1/files', form);
    const job = { model: 'tiny', training_file: id, lora: { target_modules: 'all-linear' } };
    expect(await post('/v1/fine_tuning/plan', job)).toMatchObject({ data: { training: { examples: 50 } } });
    expect(await post('/v1/fine_tuning/jobs', job)).toMatchObject({ status: 'queued' });
    const prompt = { model: 'tiny', prompt: 'What is', max_tokens: 3 };
    expect(await post('/v1/completions', prompt)).toMatchObject({ usage: { completion_tokens: 3 } });
    expect(log()).not.toContain('the engine was loaded');
    // Linux tells what a process has mapped into its memory; elsewhere the guard has to do.
    const maps = await readFile(`/proc/${child.pid}/maps`, 'utf8').catch(() => '');
    expect(maps).not.toMatch(/onnxruntime|tensorflow/);
  });

  test('ends soon and well when it is told to, streams or not', async () => {
    const { url, child, exited } = await startApi({});
    const jobs = (await (await fetch(`${url}/v1/fine_tuning/jobs`)).json()) as { data: { id: string }[] };
    const stream = await fetch(`${url}/v1/fine_tuning/jobs/${jobs.data[0]!.id}/events?stream=true`);
    // It breaks off: the job is not over, and the client is to ask again.
    const read = stream.text().then(
      () => 'it ended',
      () => 'it broke off',
    );
    child.kill('SIGTERM');
    expect(await exited).toEqual({ code: 0, signal: null });
    expect(await read).toBe('it broke off');
  });

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'takes the process that answers prompts with it when it ends by %s',
    async (signal) => {
      const { url, child, log, exited } = await startApi({});
      const asked = await fetch(`${url}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'prose-4m', prompt: 'The', max_tokens: 400, stream: true }),
      });
      // The first piece: it is at work.
      const reader = asked.body!.getReader();
      await reader.read();
      const pid = Number(/"generator":(\d+)/.exec(log())?.[1]);
      expect(isAlive(pid)).toBe(true);
      child.kill(signal);
      await exited;
      await eventually(() => expect(isAlive(pid)).toBe(false));
      await reader.cancel().catch(() => undefined);
    },
  );

  test('ends when the process that started it is gone', async () => {
    const { child, exited } = await startApi({});
    child.disconnect();
    expect(await exited).toEqual({ code: 0, signal: null });
  });

  test('does not start where others reach it without a key', async () => {
    const { log, exited } = await startApi({ HOST: '0.0.0.0' });
    expect(await exited).toMatchObject({ code: 1 });
    expect(log()).toContain('lowrank keys create');
  });

  test('does not start on a port that is taken', async () => {
    const first = await startApi({});
    const { log, exited } = await startApi({ PORT: new URL(first.url).port });
    expect(await exited).toMatchObject({ code: 1 });
    expect(log()).toContain('port_in_use');
    expect((await fetch(`${first.url}/health`)).status).toBe(200);
  });

  test('names what is wrong with its environment and never shows values', async () => {
    const { log, exited } = await startApi({
      PORT: 'secret-port',
      DATABASE_URL: 'mysql://user:secret-word@host/db',
    });
    expect(await exited).toMatchObject({ code: 1 });
    expect(log()).toMatch(/PORT must be/);
    expect(log()).toMatch(/DATABASE_URL must be/);
    expect(log()).not.toContain('secret');
  });
});
