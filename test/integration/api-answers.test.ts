/** The queue before the process that answers: one at a time, so many waiting, clients that go, a process that dies. */
import { once } from 'node:events';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { errorBody } from '#contracts/http/errors.js';
import { isAlive } from '#platform/process-identity.js';
import { eventually } from '../contract/waiting.js';
import { type ApiServer, scriptedGenerator, startApi } from './api-server.js';
import { framesOf } from './completion-frames.js';

let api: ApiServer;
/** Prompts that may wait. */
const queue = 2;

beforeAll(async () => {
  api = await startApi({ generatorMain: scriptedGenerator, configuration: { generationQueue: queue } });
  await api.smallJob();
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

const complete = (prompt: string, stream = false) =>
  api.call('POST', '/v1/completions', { model: 'tiny', prompt, stream });

const figuresShape = z.object({ cancelled: z.int(), mostAtOnce: z.int(), pid: z.int() });

/** What the process counted so far. */
async function figures() {
  const { body } = await complete('figures');
  const { text } = z.array(z.object({ text: z.string() })).parse(body['choices'])[0]!;
  return figuresShape.parse(JSON.parse(text));
}

/** Asks, and gives what has come so far and a way to go. */
function open(prompt: string, stream = true) {
  const abort = new AbortController();
  let text = '';
  const body = JSON.stringify({ model: 'tiny', prompt, stream });
  const asked = request(`${api.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    signal: abort.signal,
  });
  asked.on('error', () => undefined);
  asked.on('response', (response) => {
    response.on('error', () => undefined);
    response.on('data', (piece: Buffer) => (text += piece.toString()));
  });
  asked.end(body);
  return { text: () => text, go: () => abort.abort(), sent: once(asked, 'finish') };
}

/** A value of `/metrics`. */
async function measured(name: string): Promise<number> {
  const line = (await api.call('GET', '/metrics')).text.split('\n').find((line) => line.startsWith(name));
  return Number(line?.split(' ').at(-1) ?? 0);
}

/** Resolves when so many prompts wait or are being answered. */
const crowded = (count: number) =>
  eventually(async () => expect(await measured('lowrank_prompts ')).toBe(count));

/** Resolves when the process has begun with a prompt. */
const begun = (opened: ReturnType<typeof open>) => eventually(() => expect(opened.text()).toContain('begun'));

describe('a client that goes', () => {
  test.each(['stream', 'whole answer'])('ends its %s, and the next prompt is answered', async (kind) => {
    const before = await figures();
    const opened = open(kind === 'stream' ? 'wait' : 'silent', kind === 'stream');
    if (kind === 'stream') await begun(opened);
    else await opened.sent;
    const cancelled = await measured('lowrank_answer_duration_seconds_count{end="cancelled"}');
    opened.go();
    expect((await complete('Is it?')).status).toBe(200);
    await eventually(async () => {
      expect(await measured('lowrank_answer_duration_seconds_count{end="cancelled"}')).toBe(cancelled + 1);
    });
    expect((await figures()).pid).toBe(before.pid);
  });

  test('while it waits leaves its place to others', async () => {
    const first = open('wait');
    await begun(first);
    const waiting = [open('silent'), open('silent')];
    await crowded(3);
    for (const one of waiting) one.go();
    await crowded(1);
    const answered = complete('Is it?');
    first.go();
    expect((await answered).status).toBe(200);
  });
});

test('prompts are answered one at a time, and too many are refused with Retry-After', async () => {
  const first = open('wait');
  await begun(first);
  const waiting = Array.from({ length: queue }, () => complete('Is it?'));
  await crowded(1 + queue);
  const refused = await complete('Is it?', true);
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('2');
  expect(refused.body.error).toMatchObject({ type: 'rate_limit_error', code: 'too_many_prompts' });
  first.go();
  for (const { status } of await Promise.all(waiting)) expect(status).toBe(200);
  expect((await figures()).mostAtOnce).toBe(1);
});

describe('a process that dies', () => {
  test('before its first word is told with 503, and the next prompt starts another', async () => {
    const { pid } = await figures();
    for (const stream of [false, true]) {
      const { status, headers, body } = await complete('die', stream);
      expect({ status, code: body.error.code }).toEqual({ status: 503, code: 'generator_died' });
      expect(headers.get('retry-after')).toBe('2');
      expect(body.error.message).toContain('code 9');
    }
    expect((await figures()).pid).not.toBe(pid);
  });

  test('in the middle of a stream is told in the stream', async () => {
    const frames = framesOf((await complete('die late', true)).text);
    const last = errorBody.parse(JSON.parse(frames.at(-1)!));
    expect(last.error).toMatchObject({ type: 'server_error', code: 'generator_died' });
    expect(frames[0]).toContain('begun');
  });

  test('by a signal is told with 503; prompts that wait are answered by the next', async () => {
    const { pid } = await figures();
    const running = open('wait');
    await begun(running);
    const waiting = complete('Is it?');
    await crowded(2);
    process.kill(pid, 'SIGKILL');
    expect((await waiting).status).toBe(200);
    expect(framesOf(running.text()).at(-1)).toContain('generator_died');
  });
});

test('what was answered is counted', async () => {
  const [stops, tokens] = [
    'lowrank_answer_duration_seconds_count{end="stop"}',
    'lowrank_answer_tokens_total{kind="completion"}',
  ];
  const before = [await measured(stops), await measured(tokens)];
  await complete('Is it?');
  expect([await measured(stops), await measured(tokens)]).toEqual([before[0]! + 1, before[1]! + 2]);
});

test('a server that stops ends the process and its answers at once', async () => {
  const { pid } = await figures();
  const running = open('wait');
  await begun(running);
  const waiting = complete('Is it?').catch(() => undefined);
  await crowded(2);
  const startedAt = performance.now();
  await api.app.close();
  expect(performance.now() - startedAt).toBeLessThan(3_000);
  expect(isAlive(pid)).toBe(false);
  // Connections are cut if the answers did not go out before.
  expect([undefined, 'server_stopping']).toContain((await waiting)?.body.error.code);
});
