import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Claims } from '#jobs/claims.js';
import { Workers } from '#jobs/workers.js';
import { type ApiServer, startApi } from './api-server.js';

let api: ApiServer;
let job: { model: string; training_file: string };
beforeAll(async () => {
  api = await startApi();
  job = await api.smallJob();
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

describe('the service', () => {
  test('says that it lives and that every part answers', async () => {
    expect((await api.call('GET', '/health')).body).toMatchObject({ status: 'ok', version: '0.1.0' });
    expect((await api.call('GET', '/ready')).body).toEqual({
      status: 'ready',
      parts: { database: 'up', queue: 'up', objects: 'up', notifications: 'up' },
    });
  });

  test('gives every answer an id, that of the client if it is sound', async () => {
    const given = await api.call('GET', '/v1/files', undefined, { 'x-request-id': 'mine-1' });
    expect(given.headers.get('x-request-id')).toBe('mine-1');
    const odd = await api.call('GET', '/v1/files', undefined, { 'x-request-id': 'a b' });
    expect(odd.headers.get('x-request-id')).toMatch(/^req-[A-Za-z0-9]{24}$/);
    const missing = await api.call('GET', '/nowhere', undefined, { 'x-request-id': 'mine-2' });
    expect(missing.headers.get('x-request-id')).toBe('mine-2');
    expect(missing.body.error).toMatchObject({ type: 'not_found_error', code: 'unknown_url' });
  });

  test('knows the models that came with it', async () => {
    const { body } = await api.call('GET', '/v1/models/prose-4m');
    expect(body).toMatchObject({ id: 'prose-4m', object: 'model', kind: 'base', bundled: true });
    expect(body['identity']).toMatch(/^sha256:[0-9a-f]{64}$/);
    const { data } = (await api.call('GET', '/v1/models')).body;
    expect(data.map(({ id }) => id)).toContain('prose-4m');
  });

  test('sends careful headers', async () => {
    const { headers } = await api.call('GET', '/v1/files');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(headers.get('x-powered-by')).toBeNull();
  });

  test('shows its document and a page for it', async () => {
    const page = await api.call('GET', '/docs');
    expect(page.status).toBe(200);
    expect(page.text).toContain('swagger-ui');
  });

  test('counts for Prometheus', async () => {
    await api.call('POST', '/v1/fine_tuning/jobs', job);
    const { text, headers } = await api.call('GET', '/metrics');
    expect(headers.get('content-type')).toContain('text/plain');
    expect(text).toMatch(/^lowrank_jobs\{state="queued"\} [1-9]/m);
    expect(text).toMatch(/^lowrank_queue_entries\{kind="waiting"\} \d+$/m);
    expect(text).toMatch(/^lowrank_trained_steps \d+$/m);
    expect(text).toMatch(/^lowrank_event_loop_delay_seconds\{process="api",figure="p99"\} [\d.e-]+$/m);
    expect(text).toMatch(
      /^lowrank_http_request_duration_seconds_count\{method="POST",route="\/v1\/fine_tuning\/jobs",status="200"\} [1-9]/m,
    );
  });

  test('tells Prometheus how long jobs wait and run, and how workers do', async () => {
    const workers = new Workers(api.platform.database);
    const devices = [{ name: 'cpu' }];
    await workers.register({ id: 'worker-m', host: 'there', pid: 3, version: '1', devices });
    const figures = {
      devices: 1,
      busy_devices: 1,
      resident_bytes: 1000,
      cpu_seconds: 2,
      event_loop_delay_seconds: 0.5,
      process_delays: { trainer: { mean: 0.001, p99: 0.25, max: 2 } },
    };
    await workers.heartbeat('worker-m', figures);
    const { id } = (await api.call('POST', '/v1/fine_tuning/jobs', { ...job, device: 'cuda' })).body;
    await api.platform.database.query(
      "UPDATE job SET created_at = now() - interval '100 seconds' WHERE id = $1",
      [id],
    );
    const claims = new Claims(api.platform);
    await claims.claimJob(id, 'worker-m', 'cuda');
    await api.platform.database.query(
      "UPDATE attempt SET started_at = now() - interval '10 seconds' WHERE job_id = $1",
      [id],
    );
    await api.call('POST', `/v1/fine_tuning/jobs/${id}/cancel`);
    await claims.finish({ jobId: id, attempt: 1 }, { end: 'cancelled' });
    const { text } = await api.call('GET', '/metrics');
    const lines = text.split('\n');
    for (const line of [
      '# TYPE lowrank_job_waiting_seconds histogram',
      'lowrank_job_waiting_seconds_bucket{device="cuda",le="60"} 0',
      'lowrank_job_waiting_seconds_bucket{device="cuda",le="300"} 1',
      'lowrank_job_waiting_seconds_bucket{device="cuda",le="+Inf"} 1',
      'lowrank_job_waiting_seconds_count{device="cuda"} 1',
      'lowrank_job_running_seconds_bucket{status="cancelled",le="5"} 0',
      'lowrank_job_running_seconds_bucket{status="cancelled",le="15"} 1',
      'lowrank_worker_busy_devices{worker="worker-m",host="there"} 1',
      'lowrank_worker_resident_memory_bytes{worker="worker-m",host="there"} 1000',
      'lowrank_worker_event_loop_delay_seconds{worker="worker-m",host="there"} 0.5',
      'lowrank_worker_process_event_loop_delay_seconds{worker="worker-m",host="there",process="trainer",figure="p99"} 0.25',
    ]) {
      expect(lines).toContain(line);
    }
    expect(text).toMatch(/^lowrank_job_running_seconds_sum\{status="cancelled"\} 10\.\d+$/m);
    await workers.stopped('worker-m');
    expect((await api.call('GET', '/metrics')).text).not.toContain('worker-m');
  });

  test('lists workers, what they run and what waits', async () => {
    const workers = new Workers(api.platform.database);
    const devices = [{ name: 'cpu' }];
    await workers.register({ id: 'worker-a', host: 'here', pid: 1, version: '1', devices });
    await workers.register({ id: 'worker-b', host: 'here', pid: 2, version: '1', devices });
    await workers.stopped('worker-b');
    const first = (await api.call('POST', '/v1/fine_tuning/jobs', job)).body.id;
    const second = (await api.call('POST', '/v1/fine_tuning/jobs', job)).body.id;
    await new Claims(api.platform).claimJob(first, 'worker-a', 'cpu');
    const { body } = await api.call('GET', '/v1/workers');
    expect(body.data).toContainEqual(
      expect.objectContaining({ id: 'worker-a', status: 'alive', devices, jobs: [first] }),
    );
    expect(body.data).toContainEqual(
      expect.objectContaining({ id: 'worker-b', status: 'stopped', jobs: [] }),
    );
    const queue = (await api.call('GET', '/v1/queue')).body;
    expect(queue).toMatchObject({ object: 'queue', jobs: { running: 1 } });
    expect(queue['next']).toContain(second);
    expect(queue['next']).not.toContain(first);
  });
});

test('while the database is away the service says so, and goes on when it is back', async () => {
  const id = (await api.call('POST', '/v1/fine_tuning/jobs', job)).body.id;
  const stream = await fetch(`${api.url}/v1/fine_tuning/jobs/${id}/events?stream=true`);
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const readUntil = async (part: string) => {
    while (!text.includes(part)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`the stream ended without ${part}`);
      text += value;
    }
  };
  await readUntil('job.queued');
  await api.postgres.restart(async () => {
    expect((await api.call('GET', '/health')).status).toBe(200);
    const ready = await api.call('GET', '/ready');
    expect(ready.status).toBe(503);
    expect(ready.body).toMatchObject({ status: 'not_ready', parts: { database: 'down', objects: 'up' } });
    for (const [method, path, body] of [
      ['GET', `/v1/fine_tuning/jobs/${id}`, undefined],
      ['POST', '/v1/fine_tuning/jobs', job],
      ['GET', '/v1/models', undefined],
    ] as const) {
      const answer = await api.call(method, path, body);
      expect(answer.status, path).toBe(503);
      expect(answer.body.error).toMatchObject({ code: 'database_unavailable', type: 'server_error' });
      expect(answer.headers.get('retry-after')).toBe('2');
    }
  });
  await expect.poll(async () => (await api.call('GET', '/ready')).status, { timeout: 30_000 }).toBe(200);
  expect((await api.call('POST', `/v1/fine_tuning/jobs/${id}/cancel`)).body).toMatchObject({
    status: 'cancelled',
  });
  await Promise.race([
    readUntil('job.cancelled'),
    delay(30_000).then(() => Promise.reject(new Error('the stream tells no more'))),
  ]);
}, 120_000);

test('an error that nobody foresaw tells a client nothing but where to look', async () => {
  await api.platform.database.query('ALTER TABLE worker RENAME TO secret_name');
  const { status, text, headers } = await api.call('GET', '/v1/workers');
  await api.platform.database.query('ALTER TABLE secret_name RENAME TO worker');
  expect(status).toBe(500);
  expect(text).not.toContain('worker"');
  expect(text).toContain('its log says why');
  expect(headers.get('x-request-id')).toBeTruthy();
});
