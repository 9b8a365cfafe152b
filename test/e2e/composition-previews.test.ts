/** Previews of compositions: measured in a process of their own, which may die, while the API answers everybody. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { PreviewProcess } from '../../apps/api/src/compositions/preview-process.js';
import { type ApiServer, startApi } from '../integration/api-server.js';
import { manyLayers, refusedCompositions, storeAdapter } from '../integration/composed-adapters.js';
import { childrenOf, freeze } from './processes.js';
import { isAlive } from './worker-stack.js';

let api: ApiServer;
let a: string;
let b: string;
let unrelated: string;
/** Members that take seconds to measure. */
let large: string[];

beforeAll(async () => {
  api = await startApi();
  await api.smallJob();
  a = await storeAdapter(api.platform, { seed: 1, r: 4 });
  b = await storeAdapter(api.platform, { seed: 2, r: 3 });
  unrelated = await storeAdapter(api.platform, { seed: 3, r: 3, baseIdentity: 'sha256:other' });
  large = [];
  for (const seed of [4, 5, 6])
    large.push(await storeAdapter(api.platform, { seed, r: 16, shapes: manyLayers }));
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

interface Report {
  readonly recipe_id: string;
  readonly stack_rank: number;
  readonly rank: number;
  readonly overall: { readonly norm: number; readonly kept_energy: number; readonly relative_error: number };
  readonly modules: readonly {
    readonly path: string;
    readonly shape: readonly number[];
    readonly member_norms: readonly number[];
  }[];
}

const preview = (body: object) => api.call('POST', '/v1/compositions', { ...body, preview: true });
const report = async (body: object) => {
  const answer = await preview(body);
  if (answer.status !== 200) throw new Error(answer.text);
  return answer.body['report'] as Report;
};
const both = () => [
  { adapter: a, weight: 0.7 },
  { adapter: b, weight: -0.3 },
];
const largeWith = (...weights: number[]) => ({
  members: weights.map((weight, i) => ({ adapter: large[i], weight })),
});

const measuringProcesses = () => childrenOf(process.pid, 'previews.js');

test('a preview tells what a rank would keep, and nothing is made', async () => {
  const exact = await report({ members: both() });
  expect(exact).toMatchObject({ stack_rank: 7, rank: 7, overall: { relative_error: 0 } });
  const cut = await report({ members: both(), rank: 4 });
  expect(cut.rank).toBe(4);
  expect(cut.overall.kept_energy).toBeLessThan(1);
  expect(cut.overall.kept_energy).toBeCloseTo(1 - cut.overall.relative_error ** 2, 10);
  expect(cut.modules[0]!.member_norms).toHaveLength(2);
  expect(cut.modules.find(({ path }) => path.endsWith('v_proj'))?.shape).toEqual([16, 32]);
  const share = await report({ members: both(), energy: 0.9 });
  expect(share.overall.kept_energy).toBeGreaterThanOrEqual(0.9);
  // Weights are those of this request, whatever an earlier one had.
  const other = [
    { adapter: a, weight: 0.7 },
    { adapter: b, weight: 0 },
  ];
  expect((await report({ members: other })).recipe_id).not.toBe(exact.recipe_id);
  expect((await api.call('GET', '/v1/compositions')).body.data).toEqual([]);
});

test('one adapter with opposite weights adds up to exactly nothing', async () => {
  const members = [
    { adapter: a, weight: 1 },
    { adapter: a, weight: -1 },
  ];
  expect((await report({ members })).overall).toMatchObject({ norm: 0, kept_energy: 1 });
});

test.each(refusedCompositions)(
  'a preview with %s is refused with the field',
  async (_, body, param, code) => {
    const { status, body: answer } = await preview(body({ a, b, unrelated }));
    expect({ status, param: answer.error.param, code: answer.error.code }).toEqual({
      status: 400,
      param,
      code,
    });
  },
);

test('while a preview is measured everybody else is answered, and other weights then come without measuring', async () => {
  const start = performance.now();
  const done = new AbortController();
  const first = report({ ...largeWith(1, 0.5, -0.5), rank: 16 }).finally(() => done.abort());
  const reads: number[] = [];
  while (!done.signal.aborted) {
    const asked = performance.now();
    expect((await api.call('GET', '/v1/compositions')).status).toBe(200);
    reads.push(performance.now() - asked);
  }
  const taken = performance.now() - start;
  const measured = vi.spyOn(PreviewProcess.prototype, 'measure');
  const next = await report({ ...largeWith(0.2, 0.5, 1), rank: 8 });
  expect(measured).not.toHaveBeenCalled();
  measured.mockRestore();
  expect((await first).rank).toBe(16);
  expect(next.rank).toBe(8);
  expect(Math.max(...reads)).toBeLessThan(taken / 4);
  expect(reads.length).toBeGreaterThan(10);
});

test('a killed process fails what it measured with a reason, and the next preview has a new one', async () => {
  const measured = vi.spyOn(PreviewProcess.prototype, 'measure');
  const asked = preview({ ...largeWith(1, 1) });
  await expect.poll(() => measured.mock.calls.length).toBe(1);
  await expect.poll(async () => (await measuringProcesses()).length).toBe(1);
  const [pid] = await measuringProcesses();
  process.kill(pid!, 'SIGKILL');
  const { status, body, headers } = await asked;
  measured.mockRestore();
  expect([status, body.error.code, headers.get('retry-after')]).toEqual([503, 'preview_died', '2']);
  expect(body.error.message).toContain('SIGKILL');
  expect((await report({ members: both() })).rank).toBe(7);
  const [now] = await measuringProcesses();
  expect(now).not.toBe(pid);
});

test('measuring stops when the client has gone', async () => {
  await report({ members: both() });
  const [pid] = await measuringProcesses();
  const measured = vi.spyOn(PreviewProcess.prototype, 'measure');
  const members = largeWith(1, 2, 3).members.toReversed();
  const gone = new AbortController();
  const request = fetch(`${api.url}/v1/compositions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ members, preview: true }),
    signal: gone.signal,
  });
  await expect.poll(() => measured.mock.calls.length, { interval: 2 }).toBe(1);
  // Long before it has measured them all.
  freeze(pid!);
  gone.abort();
  await expect(request).rejects.toThrow('aborted');
  const [, , signal] = measured.mock.calls[0]!;
  await expect.poll(() => signal.aborted, { timeout: 10_000 }).toBe(true);
  process.kill(pid!, 'SIGCONT');
  // Nothing came of it: the same members have to be measured from the start.
  await report({ members });
  expect(measured).toHaveBeenCalledTimes(2);
  measured.mockRestore();
});

test('the process that measures ends when it is idle, and with its parent', async () => {
  const idle = new PreviewProcess(50);
  const never = new AbortController().signal;
  await expect(idle.measure('none', [], never)).rejects.toMatchObject({ code: 'composition_empty' });
  const { pid } = idle;
  await expect.poll(() => isAlive(pid!), { timeout: 20_000 }).toBe(false);
  expect(idle.pid).toBeUndefined();

  const parent = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { PreviewProcess } from '${join(import.meta.dirname, '../../dist/apps/api/src/compositions/preview-process.js')}';
       const process = new PreviewProcess();
       await process.measure('none', [], new AbortController().signal).catch(() => {});
       console.log(process.pid);
       setInterval(() => {}, 1000);`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const orphan = Number(line.toString());
  expect(isAlive(orphan)).toBe(true);
  parent.kill('SIGKILL');
  await expect.poll(() => isAlive(orphan), { timeout: 20_000 }).toBe(false);
});
