/**
 * A part of what `npm run test:load` sends to every route: the API is a process of its own, and GET /health is read from
 * another one meanwhile.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestPostgres, type TestPostgres } from '../embedded-postgres.js';
import { HealthWatch } from '../load/health-watch.js';
import { hostileRequests } from '../load/hostile/requests.js';
import { type ApiDocument, routesOf } from '../load/hostile/routes.js';
import { sendAll } from '../load/hostile/send.js';
import { makeWorld } from '../load/hostile/world.js';
import { type ApiProcess, startApiProcess } from './api-process.js';

let postgres: TestPostgres;
let api: ApiProcess;
beforeAll(async () => {
  postgres = await startTestPostgres();
  api = await startApiProcess(postgres, { LOG_LEVEL: 'warn' });
}, 120_000);
afterAll(async () => {
  api?.child.kill('SIGTERM');
  await api?.exited;
  await postgres?.remove();
});

/** Their archives alone take longer to pack than this test may take; models that answer take longer to load. */
const leftOut = /^POST \/v1\/(adapters|completions|chat\/completions)$/;
/** One in so many requests. */
const share = 8;

test('hostile requests to every route fail nowhere and keep nobody waiting', async () => {
  const world = await makeWorld(api.url, postgres);
  const document = (await (await fetch(`${api.url}/docs-json`)).json()) as ApiDocument;
  const routes = routesOf(document).filter(({ method, path }) => !leftOut.test(`${method} ${path}`));
  // A different part of each route's.
  const requests = routes.flatMap((route, r) =>
    hostileRequests(route, world).filter((_, i) => (i + r) % share === 0),
  );
  expect(requests.length).toBeGreaterThan(250);
  const health = await HealthWatch.start(api.url);
  const answers = await sendAll(api.url, requests, 10);
  const { reads, failures, p99 } = await health.stop();
  const failed = answers.filter(({ status }) => status >= 500);
  expect(
    failed.map(({ request, status }) => `${request.method} ${request.path} ${request.what}: ${status}`),
  ).toEqual([]);
  expect(failures).toEqual([]);
  expect(reads).toBeGreaterThan(50);
  // Milliseconds; the load test asks for less, of a machine that does nothing else.
  expect(p99).toBeLessThan(500);
}, 120_000);
