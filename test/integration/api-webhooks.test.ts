/** Webhooks, whose events the stock client checks. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { webhookObject } from '#contracts/http/webhooks.js';
import { Claims } from '#jobs/claims.js';
import { type ApiServer, startApi } from './api-server.js';

let api: ApiServer;
let job: object;
let address: string;
/** What the next events are answered with. */
let status = 200;
const taken: { headers: IncomingHttpHeaders; body: string }[] = [];
const receiver = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => (body += String(chunk)));
  request.on('end', () => {
    taken.push({ headers: request.headers, body });
    response.writeHead(status).end();
  });
});

beforeAll(async () => {
  api = await startApi({ configuration: { webhookPrivateAddresses: true } });
  job = await api.smallJob();
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
}, 120_000);
afterAll(async () => {
  receiver.close();
  await api[Symbol.asyncDispose]();
});

const make = async (body: object = {}) => {
  const made = await api.call('POST', '/v1/webhooks', { url: address, ...body });
  expect(made.status, made.text).toBe(200);
  return webhookObject.parse(made.body);
};
const cancelledJob = async () => {
  const { id } = (await api.call('POST', '/v1/fine_tuning/jobs', job)).body;
  await api.call('POST', `/v1/fine_tuning/jobs/${id}/cancel`);
  return id;
};
const openai = new OpenAI({ apiKey: 'none' });

test('an event is told when a job ends, signed so that the stock client takes it, and again until it is taken', async () => {
  const { id, secret, events } = await make();
  expect(events).toHaveLength(3);
  expect((await api.call('GET', `/v1/webhooks/${id}`)).body['secret']).toBeNull();
  status = 500;
  const jobId = await cancelledJob();
  await vi.waitFor(() => expect(taken).toHaveLength(1), 10_000);
  await vi.waitFor(async () => {
    const { body } = await api.call('GET', `/v1/webhooks/${id}`);
    expect(body).toMatchObject({ last_error: 'it answered 500', pending: 1, delivered_at: null });
  }, 10_000);
  status = 200;
  await api.platform.database.query('UPDATE webhook_delivery SET next_at = now()');
  await vi.waitFor(() => expect(taken).toHaveLength(2), 10_000);
  const [first, second] = taken;
  const event = await openai.webhooks.unwrap(second!.body, second!.headers, secret);
  expect(event).toMatchObject({ object: 'event', type: 'fine_tuning.job.cancelled', data: { id: jobId } });
  expect(event.id).toBe(first!.headers['webhook-id']);
  expect(second!.headers['webhook-id']).toBe(first!.headers['webhook-id']);
  const forged = second!.body.replace('cancelled', 'succeeded');
  await expect(openai.webhooks.unwrap(forged, second!.headers, secret)).rejects.toThrow('signature');
  await vi.waitFor(async () => {
    const { body } = await api.call('GET', `/v1/webhooks/${id}`);
    expect(body).toMatchObject({ last_error: null, pending: 0, delivered_at: expect.any(Number) as number });
  }, 10_000);
  expect((await api.call('DELETE', `/v1/webhooks/${id}`)).status).toBe(200);
  expect((await api.call('GET', `/v1/webhooks/${id}`)).status).toBe(404);
}, 40_000);

test('only what is asked for is told, of success and failure too', async () => {
  taken.length = 0;
  const { id } = await make({ events: ['fine_tuning.job.succeeded', 'fine_tuning.job.failed'] });
  await cancelledJob();
  const claims = new Claims(api.platform);
  for (const end of ['succeeded', 'failed'] as const) {
    const made = await api.call('POST', '/v1/fine_tuning/jobs', job);
    const claim = (await claims.claimJob(made.body.id, 'worker-t', 'cpu'))!;
    const outcome =
      end === 'succeeded'
        ? ({ end, trainedTokens: 1, adapter: { config: {}, files: [], sha256: '0' } } as const)
        : ({ end, error: { code: 'file_not_found', message: 'gone' } } as const);
    await claims.finish({ jobId: made.body.id, attempt: claim.attempt }, outcome);
  }
  await vi.waitFor(() => expect(taken).toHaveLength(2), 10_000);
  const types = taken.map(({ body }) => (JSON.parse(body) as { type: string }).type);
  expect(types.toSorted()).toEqual(['fine_tuning.job.failed', 'fine_tuning.job.succeeded']);
  await api.call('DELETE', `/v1/webhooks/${id}`);
}, 30_000);

test('a test tells at once what became of it', async () => {
  taken.length = 0;
  const { id } = await make();
  const sent = await api.call('POST', `/v1/webhooks/${id}/test`);
  expect(sent.body).toMatchObject({ id, object: 'webhook.test', delivered: true, error: null });
  expect(taken).toHaveLength(1);
  status = 302;
  const refused = await api.call('POST', `/v1/webhooks/${id}/test`);
  expect(refused.body).toMatchObject({ delivered: false, error: 'it answered 302' });
  status = 200;
});

test.each([{ url: 'ftp://x.example' }, { url: 'http://user:secret@x.example' }, { url: 'nowhere' }])(
  'another address is refused: %j',
  async (body) => {
    const answer = await api.call('POST', '/v1/webhooks', body);
    expect({ status: answer.status, param: answer.body.error.param }).toEqual({ status: 400, param: 'url' });
  },
);
