/** The queue before the process that answers: some at a time, so many waiting, clients that go, a process that dies. */
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
/** Prompts that the process has at a time. */
const atOnce = 4;

beforeAll(async () => {
  api = await startApi({ generatorMain: scriptedGenerator, configuration: { generationQueue: queue } });
  await api.smallJob();
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

const complete = (prompt: string, stream = false) =>
  api.call('POST', '/v1/completions', { model: 'tiny', prompt, stream });

const figuresShape = z.object({ cancelled: z.int(), maxAtOnce: z.int(), pid: z.int() });

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

/** Gives the process as much as it takes at a time; yields the prompts and a way to end them. */
async function fill() {
  const opened = Array.from({ length: atOnce }, () => open('wait'));
  for (const one of opened) await begun(one);
  const release = () => {
    for (const one of opened) one.go();
  };
  return { opened, release };
}

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
    const { release } = await fill();
    const waiting = [open('silent'), open('silent')];
    await crowded(atOnce + 2);
    for (const one of waiting) one.go();
    await crowded(atOnce);
    const answered = complete('Is it?');
    release();
    expect((await answered).status).toBe(200);
  });
});

test('only so many prompts are at work and wait, more are refused with Retry-After', async () => {
  const { release } = await fill();
  const waiting = Array.from({ length: queue }, () => complete('Is it?'));
  await crowded(atOnce + queue);
  const refused = await complete('Is it?', true);
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('2');
  expect(refused.body.error).toMatchObject({ type: 'rate_limit_error', code: 'too_many_prompts' });
  release();
  for (const { status } of await Promise.all(waiting)) expect(status).toBe(200);
  expect((await figures()).maxAtOnce).toBe(atOnce);
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
    const { opened } = await fill();
    const waiting = complete('Is it?');
    await crowded(atOnce + 1);
    process.kill(pid, 'SIGKILL');
    expect((await waiting).status).toBe(200);
    for (const one of opened) {
      await eventually(() => expect(framesOf(one.text()).at(-1)).toContain('generator_died'));
    }
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
  await fill();
  const waiting = complete('Is it?').catch(() => undefined);
  await crowded(atOnce + 1);
  const startedAt = performance.now();
  await api.app.close();
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  expect(isAlive(pid)).toBe(false);
  // Connections are cut if the answers did not go out before.
  expect([undefined, 'server_stopping']).toContain((await waiting)?.body.error.code);
});
