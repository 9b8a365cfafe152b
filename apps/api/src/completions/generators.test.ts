import { constants } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { parseConfiguration } from '#platform/config.js';
import { createLog } from '#platform/log.js';
import { isAlive } from '#platform/process-identity.js';
import { eventually } from '../../../../test/contract/waiting.js';
import { Generators } from './generators.service.js';

const main = join(import.meta.dirname, '../../../../test/integration/scripted-generator.mjs');
const home = '/nowhere';
let made: Generators[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const generators of made) await generators.onModuleDestroy();
  made = [];
});

function start(environment: Record<string, string> = {}): Generators {
  const configuration = parseConfiguration({ LOWRANK_HOME: home, ...environment });
  const log = createLog({ level: 'silent', name: 'test' });
  const generators = new Generators({ configuration, log }, { setPrompts: () => undefined }, main);
  made.push(generators);
  return generators;
}

async function ask(generators: Generators, prompt: string, signal = new AbortController().signal) {
  using place = generators.enter();
  let text = '';
  const task = {
    base: { folder: '', identity: '', verified: true, precision: 'as-stored' as const },
    members: [],
    prompt,
    max_tokens: 1,
    temperature: 0,
    top_p: 1,
    seed: 0,
    request: 0,
    stop: [],
  };
  await place.answer(task, { signal, onUpdate: (piece) => (text += typeof piece === 'string' ? piece : '') });
  return text;
}

const facts = z.object({
  pid: z.int(),
  priority: z.int(),
  names: z.array(z.string()),
  arguments: z.array(z.string()),
});
const factsOf = async (generators: Generators) => facts.parse(JSON.parse(await ask(generators, 'process')));

test('one process answers prompt after prompt, at a low priority and without secrets', async () => {
  vi.stubEnv('S3_SECRET_KEY', 'secret');
  const generators = start({ GENERATION_MEMORY_BYTES: '1234' });
  const first = await factsOf(generators);
  expect(first.priority).toBe(constants.priority.PRIORITY_BELOW_NORMAL / 2);
  expect(first.names).not.toContain('S3_SECRET_KEY');
  expect(first.names).toContain('GLIBC_TUNABLES');
  expect(first.arguments).toEqual([join(home, 'cache'), '1234']);
  expect((await factsOf(generators)).pid).toBe(first.pid);
});

test('it ends when nobody has asked for a while, and the next prompt starts another', async () => {
  const generators = start({ GENERATION_IDLE_SECONDS: '0' });
  const { pid } = await factsOf(generators);
  await eventually(() => expect(isAlive(pid)).toBe(false));
  expect((await factsOf(generators)).pid).not.toBe(pid);
});

test('it does not end while a prompt has a place', async () => {
  const generators = start({ GENERATION_IDLE_SECONDS: '0' });
  using _ = generators.enter();
  const { pid } = await factsOf(generators);
  await expect(ask(generators, 'fail prompt_empty')).rejects.toMatchObject({ code: 'prompt_empty' });
  expect((await factsOf(generators)).pid).toBe(pid);
});

test('an answer that is not wanted any more is over at once', async () => {
  const generators = start();
  const abort = new AbortController();
  const reason = new Error('gone');
  const silent = ask(generators, 'silent', abort.signal);
  const waiting = ask(generators, 'Is it?', abort.signal);
  abort.abort(reason);
  await expect(silent).rejects.toBe(reason);
  await expect(waiting).rejects.toBe(reason);
  expect(await ask(generators, 'Is it?')).toBe('Well, yes.');
});

test('a program that cannot be started is told of', async () => {
  const configuration = parseConfiguration({ LOWRANK_HOME: home });
  const log = createLog({ level: 'silent', name: 'test' });
  const generators = new Generators({ configuration, log }, { setPrompts: () => undefined }, '/nowhere.js');
  made.push(generators);
  await expect(ask(generators, 'Is it?')).rejects.toMatchObject({ code: 'generator_died' });
});

test('four prompts are at work at a time, in the order in which they came', async () => {
  const generators = start();
  const abort = new AbortController();
  const first = Array.from({ length: 4 }, () => ask(generators, 'silent', abort.signal));
  const order: number[] = [];
  const later = [0, 1].map(async (i) => {
    const text = await ask(generators, 'figures');
    order.push(i);
    return z.object({ cancelled: z.int(), maxAtOnce: z.int() }).parse(JSON.parse(text));
  });
  abort.abort(new Error('gone'));
  for (const one of first) await expect(one).rejects.toThrow('gone');
  // Each began when one of the first four was over for the process too.
  for (const figures of await Promise.all(later)) expect(figures.cancelled).toBeGreaterThan(0);
  expect((await later[1]!).maxAtOnce).toBe(4);
  expect(order).toEqual([0, 1]);
});

test('more prompts than are at work and may wait are refused, until a place is free', () => {
  const generators = start({ GENERATION_QUEUE: '1' });
  const places = Array.from({ length: 5 }, () => generators.enter());
  expect(() => generators.enter()).toThrow(
    expect.objectContaining({ status: 429, code: 'too_many_prompts' }),
  );
  places[0]![Symbol.dispose]();
  expect(() => generators.enter()).not.toThrow();
});

test('an answer that cannot be read fails its prompt instead of keeping it waiting', async () => {
  const generators = start();
  await expect(ask(generators, 'garble')).rejects.toMatchObject({ code: 'message_unreadable' });
  expect(await ask(generators, 'Is it?')).toBe('Well, yes.');
});
