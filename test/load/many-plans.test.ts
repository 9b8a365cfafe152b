/** Plans by the dozen and of the worst kind, while GET /health is read from another process every 20 ms. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestPostgres, type TestPostgres } from '../embedded-postgres.js';
import { type ApiProcess, startApiProcess } from '../e2e/api-process.js';
import { HealthWatch } from './health-watch.js';
import type { HostileRequest } from './hostile/hostile-request.js';
import { newAgent, send } from './hostile/send.js';
import type { World } from './hostile/routes.js';
import { makeWorld } from './hostile/world.js';
import { MemoryWatch } from './memory-watch.js';

const minute = 60_000;
/** Milliseconds for which `/health` is read after the answers: what was begun may go on. */
const shortest = 1000;
const row = (content: string) =>
  `${JSON.stringify({
    messages: [
      { role: 'user', content },
      { role: 'assistant', content: 'It is so.' },
    ],
  })}\n`;
const text = 'The time is out of joint, and so are these words. ';

let postgres: TestPostgres;
let api: ApiProcess;
let world: World;
beforeAll(async () => {
  postgres = await startTestPostgres();
  api = await startApiProcess(postgres, { LOG_LEVEL: 'warn' });
  world = await makeWorld(api.url, postgres);
}, 240_000);
afterAll(async () => {
  api?.child.kill('SIGTERM');
  await api?.exited;
  await postgres?.remove();
});

async function upload(content: string): Promise<string> {
  const form = new FormData();
  form.set('purpose', 'fine-tune');
  form.set('file', new Blob([content]), 'train.jsonl');
  const response = await fetch(`${api.url}/v1/files`, { method: 'POST', body: form });
  expect(response.status).toBe(200);
  return ((await response.json()) as { id: string }).id;
}

function planOf(what: string, body: object): HostileRequest {
  const headers = { 'content-type': 'application/json' };
  return {
    what,
    method: 'POST',
    path: '/v1/fine_tuning/plan',
    headers,
    body: JSON.stringify({ ...world.job, ...body }),
  };
}

/** Plans so many bodies at once; yields statuses and what `/health` and the memory were meanwhile. */
async function planned(what: string, bodies: readonly object[]) {
  const memory = new MemoryWatch(api.child.pid!);
  const health = await HealthWatch.start(api.url);
  const begun = performance.now();
  const answers = await Promise.all(bodies.map((body) => send(api.url, planOf(what, body), newAgent())));
  const seconds = (performance.now() - begun) / 1000;
  await delay(shortest);
  const { reads, failures, p50, p99, max } = await health.stop();
  const { megabytes, processes } = await memory.stop();
  const statuses = answers.map(({ status }) => status);
  const counts = [...new Set(statuses)].map(
    (status) => `${statuses.filter((each) => each === status).length} times ${status}`,
  );
  console.log(
    `${what}: ${counts.join(', ')} in ${seconds.toFixed(1)} s; /health ${reads} times, p50 ${p50}, p99 ${p99}, max ${max} ms; ${megabytes} MB of memory (PSS): ${processes}`,
  );
  expect(failures).toEqual([]);
  expect(p99).toBeLessThan(100);
  expect(megabytes).toBeLessThan(700);
  for (const { status, retryAfter, text } of answers) {
    expect([200, 400, 429], text).toContain(status);
    const isTold = Number(retryAfter ?? 0) > 0;
    expect(isTold, 'a plan that is refused for now says when to come back').toBe(status === 429);
  }
  return statuses;
}

const times = (count: number, body: object) => Array.from({ length: count }, () => body);

test(
  '60 plans of a file of 50 MB at once are all answered',
  async () => {
    const rows = row(text).repeat(Math.ceil(50e6 / row(text).length));
    const training_file = await upload(rows);
    // What is loaded with the first plan after a start is not what this is about.
    await send(api.url, planOf('the first', {}), newAgent());
    const statuses = await planned('60 plans of 50 MB', times(60, { training_file }));
    expect(statuses).toContain(200);
    expect(statuses).not.toContain(400);
  },
  10 * minute,
);

describe('keeps nobody else waiting', () => {
  test.each<[what: string, body: object, count: number]>([
    ['target_modules of 900,000 characters', { lora: { target_modules: 'a'.repeat(900_000) } }, 1],
    [
      '4,600 unknown names',
      { lora: { target_modules: Array.from({ length: 4600 }, (_, i) => `qproj_${i}`.repeat(8)) } },
      1,
    ],
    ['ten backtracking patterns at once', { lora: { target_modules: '(([a-z_.0-9]+)+)+!' } }, 10],
  ])(
    '%s',
    async (what, body, count) => {
      const statuses = await planned(what, times(count, body));
      expect(new Set(statuses)).toEqual(new Set([400]));
    },
    5 * minute,
  );

  test(
    'a row of a megabyte in ten plans',
    async () => {
      const training_file = await upload(row('word '.repeat(200_000)).repeat(3));
      const statuses = await planned('a row of a megabyte in ten plans', times(10, { training_file }));
      expect(statuses).toHaveLength(10);
    },
    5 * minute,
  );
});
