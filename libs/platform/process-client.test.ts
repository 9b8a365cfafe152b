import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { LowrankError } from '#base/errors.js';
import { howEnded, ProcessClient } from '#platform/process-client.js';
import { isAlive } from '#platform/process-identity.js';
import { ProcessOnDemand } from '#platform/process-on-demand.js';

const methods = {
  count: { input: z.object({ to: z.int() }), update: z.int(), result: z.object({ counted: z.int() }) },
  refuse: { input: z.null(), update: z.never(), result: z.null() },
  garble: { input: z.enum(['update', 'result', 'shape']), update: z.int(), result: z.int() },
  wait: { input: z.object({ deaf: z.boolean() }), update: z.null(), result: z.null() },
  weigh: { input: z.int(), update: z.never(), result: z.null() },
  die: { input: z.null(), update: z.int(), result: z.null() },
  exit: { input: z.null(), update: z.never(), result: z.null() },
};

/** A child that speaks the protocol by itself, so that it can break it. */
const program = `
const send = (message) => process.send(message);
const deaf = new Set();
process.on('message', ({ call, method, input, cancel }) => {
  if (cancel) {
    if (!deaf.has(call)) send({ call, error: { code: 'cancelled', message: 'as asked', details: {} } });
    return;
  }
  if (method === 'count') {
    for (let i = 1; i <= input.to; i++) send({ call, update: i });
    send({ call, result: { counted: input.to } });
  }
  if (method === 'refuse')
    send({ call, error: { code: 'disk_full', message: 'no room', details: { file: 'a' } } });
  if (method === 'garble') {
    if (input === 'update') send({ call, update: 'one' });
    if (input === 'result') send({ call, result: 'one' });
    if (input === 'shape') send({ call, reslut: 1 });
  }
  if (method === 'wait') {
    if (input.deaf) deaf.add(call);
    send({ call, update: null });
  }
  if (method === 'weigh') send({ call, result: null, residentBytes: input });
  if (method === 'die') {
    console.error('out of luck');
    send({ call, update: 1 });
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50);
  }
  if (method === 'exit') {
    process.send({ call, result: null }, () => process.disconnect());
  }
});
process.once('disconnect', () => process.exit(7));
`;

let folder: string;
let clients: ProcessClient<typeof methods>[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'process-client-'));
  await writeFile(join(folder, 'child.mjs'), program);
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(async () => {
  for (const client of clients) {
    client.kill();
    await client.ended;
  }
  clients = [];
});

function settings(main = 'child.mjs') {
  return {
    methods,
    main: join(folder, main),
    died: (exit: Parameters<typeof howEnded>[0]) =>
      new LowrankError('task_died', `ended ${howEnded(exit)}: ${exit.output.trim()}`),
  };
}

function start(main?: string): ProcessClient<typeof methods> {
  const client = new ProcessClient(settings(main));
  clients.push(client);
  return client;
}

test('calls give updates in order and one result, several at a time', async () => {
  const client = start();
  const updates: number[][] = [[], []];
  const results = await Promise.all(
    [3, 5].map((to, i) => client.call('count', { to }, { onUpdate: (n) => updates[i]!.push(n) })),
  );
  expect(results).toEqual([{ counted: 3 }, { counted: 5 }]);
  expect(updates).toEqual([
    [1, 2, 3],
    [1, 2, 3, 4, 5],
  ]);
  expect(client.callCount).toBe(0);
});

test('an error crosses with its code, kind and details', async () => {
  await expect(start().call('refuse', null)).rejects.toMatchObject({
    code: 'disk_full',
    kind: 'machine',
    message: 'no room',
    details: { file: 'a' },
  });
});

test.each(['update', 'result', 'shape'] as const)(
  'what cannot be read rejects its own call and no other: %s',
  async (what) => {
    const client = start();
    await expect(client.call('garble', what)).rejects.toMatchObject({
      code: 'message_unreadable',
      message: expect.stringContaining('garble') as unknown,
    });
    expect(await client.call('count', { to: 1 })).toEqual({ counted: 1 });
  },
);

test('a process that dies fails its calls with how it ended and what it wrote, after what it had updates', async () => {
  const client = start();
  const updates: number[] = [];
  const call = client.call('die', null, { onUpdate: (n) => updates.push(n) });
  await expect(call).rejects.toMatchObject({ code: 'task_died', message: 'ended by SIGKILL: out of luck' });
  expect(updates).toEqual([1]);
  expect(client.isAlive).toBe(false);
  await expect(client.call('count', { to: 1 })).rejects.toMatchObject({ code: 'task_died' });
});

test('a process that ends by itself after its answer has given it', async () => {
  const client = start();
  expect(await client.call('exit', null)).toBeNull();
  expect(await client.ended).toMatchObject({ code: 7, signal: null });
});

test('a program that cannot be started fails its calls', async () => {
  await expect(start('nowhere.mjs').call('refuse', null)).rejects.toMatchObject({ code: 'task_died' });
});

describe('a call that is cancelled', () => {
  test("throws the signal's reason when the process has ended it", async () => {
    const client = start();
    const abort = new AbortController();
    const reason = new Error('gone');
    const call = client.call(
      'wait',
      { deaf: false },
      { signal: abort.signal, onUpdate: () => abort.abort(reason) },
    );
    await expect(call).rejects.toBe(reason);
    expect(client.isAlive).toBe(true);
  });

  test('costs the process its life where it does not listen', async () => {
    const client = start();
    const abort = new AbortController();
    const reason = new Error('gone');
    const onUpdate = () => abort.abort(reason);
    const call = client.call('wait', { deaf: true }, { signal: abort.signal, graceSeconds: 0.05, onUpdate });
    await expect(call).rejects.toBe(reason);
    expect(client.isAlive).toBe(false);
  });

  test('is cancelled by its deadline too', async () => {
    const client = start();
    await expect(client.call('wait', { deaf: false }, { deadlineSeconds: 0.05 })).rejects.toMatchObject({
      code: 'call_timeout',
    });
    expect(client.isAlive).toBe(true);
    const deaf = client.call('wait', { deaf: true }, { deadlineSeconds: 0.05, graceSeconds: 0.05 });
    await expect(deaf).rejects.toMatchObject({ code: 'call_timeout' });
    expect(client.isAlive).toBe(false);
  });
});

test('a process that says nothing for too long is ended', async () => {
  const client = start();
  await expect(client.call('wait', { deaf: true }, { silenceSeconds: () => 0.3 })).rejects.toMatchObject({
    code: 'call_silent',
  });
  expect(await client.ended).toMatchObject({ signal: 'SIGKILL' });
});

test('a process on demand lives while it is held, and ends a while after', async () => {
  const process = new ProcessOnDemand(settings, { idleMilliseconds: 50 });
  expect(process.running).toBeUndefined();
  let pid: number;
  {
    using _ = process.hold();
    await process.client().call('count', { to: 1 });
    pid = process.client().pid!;
  }
  await expect.poll(() => isAlive(pid), { timeout: 5000 }).toBe(false);
  using _ = process.hold();
  expect(await process.client().call('count', { to: 2 })).toEqual({ counted: 2 });
  expect(process.client().pid).not.toBe(pid);
  await process.end();
});

describe('a process on demand whose memory has grown', () => {
  test('takes no more calls, and ends when it has answered those that it has', async () => {
    const process = new ProcessOnDemand(settings, { idleMilliseconds: 60_000, keptBytes: 100 });
    using _ = process.hold();
    const first = process.client();
    const abort = new AbortController();
    const begun = first.call('wait', { deaf: false }, { signal: abort.signal });
    await first.call('weigh', 101);
    const second = process.client();
    expect(second.pid).not.toBe(first.pid);
    expect(await second.call('count', { to: 1 })).toEqual({ counted: 1 });
    expect(first.isAlive).toBe(true);
    abort.abort(new Error('gone'));
    await expect(begun).rejects.toThrow('gone');
    expect(await first.ended).toMatchObject({ signal: 'SIGKILL' });
    expect(second.isAlive).toBe(true);
    await process.end();
  });

  test('ends at once when nobody needs it', async () => {
    const process = new ProcessOnDemand(settings, { idleMilliseconds: 60_000, keptBytes: 100 });
    let grown: ReturnType<typeof process.client>;
    {
      using _ = process.hold();
      grown = process.client();
      await grown.call('weigh', 100);
      expect(process.client()).toBe(grown);
      await grown.call('weigh', 101);
    }
    expect(process.running).toBeUndefined();
    expect(await grown.ended).toMatchObject({ signal: 'SIGKILL' });
  });

  test('is ended with the others, also while it answers', async () => {
    const process = new ProcessOnDemand(settings, { idleMilliseconds: 60_000, keptBytes: 100 });
    using _ = process.hold();
    const grown = process.client();
    const begun = grown.call('wait', { deaf: true });
    await grown.call('weigh', 101);
    process.client();
    await Promise.all([process.end(), expect(begun).rejects.toMatchObject({ code: 'task_died' })]);
    expect(grown.isAlive).toBe(false);
  });
});
