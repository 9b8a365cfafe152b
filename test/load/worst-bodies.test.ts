/**
 * The worst that a client can send, to every route of the document, ten requests at a time, while GET /health is read from
 * another process every 20 ms. The server and what it starts are processes of their own. LOWRANK_LOAD_ROUTES, a regular
 * expression such as `POST /v1/files$`, chooses some routes.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestPostgres, type TestPostgres } from '../embedded-postgres.js';
import { type ApiProcess, startApiProcess } from '../e2e/api-process.js';
import { HealthWatch } from './health-watch.js';
import { hostileRequests } from './hostile/requests.js';
import { type ApiDocument, type Route, routesOf, type World } from './hostile/routes.js';
import { sendAll } from './hostile/send.js';
import { makeWorld } from './hostile/world.js';
import { MemoryWatch } from './memory-watch.js';

const clients = 10;
const leastRequests = 40;
const hour = 3_600_000;

let postgres: TestPostgres;
let api: ApiProcess;
let world: World;
let routes: Route[];
beforeAll(async () => {
  postgres = await startTestPostgres();
  api = await startApiProcess(postgres, { LOG_LEVEL: 'warn' });
  world = await makeWorld(api.url, postgres);
  const document = (await (await fetch(`${api.url}/docs-json`)).json()) as ApiDocument;
  const wanted = new RegExp(process.env['LOWRANK_LOAD_ROUTES'] ?? '');
  routes = routesOf(document).filter(({ method, path }) => wanted.test(`${method} ${path}`));
}, 240_000);
afterAll(async () => {
  api?.child.kill('SIGTERM');
  await api?.exited;
  await postgres?.remove();
});

test(
  'forty hostile requests to every route keep nobody waiting, fail nowhere and fill no memory',
  async () => {
    const memory = new MemoryWatch(api.child.pid!);
    const whole = await HealthWatch.start(api.url);
    const failures: string[] = [];
    let sent = 0;
    for (const route of routes) {
      const requests = hostileRequests(route, world);
      const what = `${route.method} ${route.path}`;
      expect(requests.length, what).toBeGreaterThanOrEqual(leastRequests);
      const health = await HealthWatch.start(api.url);
      const begun = performance.now();
      const answers = await sendAll(api.url, requests, clients);
      const seconds = ((performance.now() - begun) / 1000).toFixed(1);
      const { p50, p99, max } = await health.stop();
      sent += requests.length;
      console.log(
        `${what}: ${requests.length} in ${seconds} s, /health p50 ${p50}, p99 ${p99}, max ${max} ms`,
      );
      for (const { request, status, text } of answers) {
        if (status >= 500) failures.push(`${what}, ${request.what}: ${status} ${text}`);
      }
    }
    const { reads, failures: unread, p50, p99, max } = await whole.stop();
    const { megabytes, processes, others } = await memory.stop();
    console.log(
      `${sent} requests to ${routes.length} routes; /health ${reads} times: p50 ${p50}, p99 ${p99}, max ${max} ms`,
    );
    console.log(`at most ${megabytes} MB of memory (PSS): ${processes}; others at most: ${others}`);
    expect(failures).toEqual([]);
    expect(unread).toEqual([]);
    expect(p99).toBeLessThan(100);
    expect(megabytes).toBeLessThan(500);
  },
  hour,
);
