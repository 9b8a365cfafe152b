import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { LowrankError } from '#base/errors.js';
import { serveCalls } from '#contracts/serve-calls.js';

const methods = {
  double: { input: z.number(), update: z.string(), result: z.number() },
  wait: { input: z.null(), update: z.never(), result: z.null() },
};

const residentBytes = 80e6;

let said: unknown[];
let gone: number;
let server: ReturnType<typeof serveCalls<typeof methods>>;
const channel = new EventEmitter();

/** The test runner's own channel must stay out of it. */
beforeEach(() => {
  said = [];
  gone = 0;
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  vi.stubGlobal('process', {
    connected: true,
    memoryUsage: { rss: () => residentBytes },
    on: channel.on.bind(channel),
    once: channel.once.bind(channel),
    disconnect: () => channel.emit('disconnect'),
    send: (message: unknown, done: () => void) => {
      said.push(message);
      done();
    },
  });
  server = serveCalls(
    methods,
    {
      double: async (value, { update }) => {
        if (value < 0) throw new LowrankError('invalid_request', 'below 0', { details: { value } });
        if (value === 0) throw new TypeError('of nothing');
        update('half way');
        return Promise.resolve(2 * value);
      },
      wait: (_, { signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    },
    { onParentGone: () => gone++ },
  );
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  channel.removeAllListeners();
});

const receive = (message: unknown) => channel.emit('message', message);

test('a call is answered with its updates, its result or its error', async () => {
  receive({ call: 1, method: 'double', input: 4 });
  receive({ call: 2, method: 'double', input: -1 });
  receive({ call: 3, method: 'double', input: 0 });
  await server.close();
  expect(said).toEqual([
    { call: 1, update: 'half way' },
    {
      call: 2,
      error: { code: 'invalid_request', message: 'below 0', details: { value: -1 } },
      residentBytes,
    },
    { call: 3, error: { code: 'internal_error', message: 'of nothing', details: {} }, residentBytes },
    { call: 1, result: 8, residentBytes },
  ]);
});

test.each([
  ['an unknown method', { call: 1, method: 'toString', input: null }, 'no method toString'],
  ['an input of another kind', { call: 1, method: 'double', input: 'four' }, 'the input of double'],
  ['no method at all', { call: 1, input: 4 }, 'a request'],
])('%s is answered with an error', async (_, message, text) => {
  receive(message);
  await server.close();
  expect(said).toEqual([
    {
      call: 1,
      error: { code: 'message_unreadable', message: expect.stringContaining(text) as unknown, details: {} },
      residentBytes,
    },
  ]);
});

test('messages of others are passed over', async () => {
  receive({ type: 'ready' });
  receive('text');
  receive({ call: 9, cancel: true });
  await server.close();
  expect(said).toEqual([]);
});

test('a cancelled call ends, and all do when the parent is gone', async () => {
  receive({ call: 1, method: 'wait', input: null });
  receive({ call: 2, method: 'wait', input: null });
  receive({ call: 1, cancel: true });
  await vi.waitFor(() => expect(said).toHaveLength(1));
  expect(said[0]).toMatchObject({ call: 1, error: { code: 'cancelled' } });
  channel.emit('disconnect');
  await vi.waitFor(() => expect(said).toHaveLength(2));
  expect(gone).toBe(1);
});
