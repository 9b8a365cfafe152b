import { afterEach, expect, test } from 'vitest';
import type { WebhookObject } from '#contracts/http/webhooks.js';
import { page } from '../../test/answers.js';
import { run } from '../../test/run-cli.js';
import { sendJson, type StubServer, stubServer } from '../../../../test/stub-server.js';

const hook: WebhookObject = {
  id: 'webhook-1',
  object: 'webhook',
  created_at: 1_700_000_000,
  url: 'https://hook.example/',
  events: ['fine_tuning.job.failed'],
  secret: null,
  delivered_at: null,
  last_error: 'it answered 500',
  pending: 2,
};

let server: StubServer | undefined;
afterEach(() => server?.close());

test('a webhook is added with its events, and its secret is shown', async () => {
  server = await stubServer((_, response) => sendJson(response, { ...hook, secret: 'whsec_abc' }));
  const added = await run(['webhooks', 'add', hook.url, '--events', 'fine_tuning.job.failed'], server);
  expect(added.code, added.stderr).toBe(0);
  expect(added.stdout).toContain('whsec_abc');
  const wrong = await run(['webhooks', 'add', hook.url, '--events', 'job.failed'], server);
  expect(wrong.code).toBe(2);
});

test('webhooks are listed with what is wrong with them, and one that takes no event fails its test', async () => {
  server = await stubServer(({ path }, response) => {
    const tried = { id: hook.id, object: 'webhook.test', delivered: false, error: 'it answered 500' };
    sendJson(response, path.endsWith('/test') ? tried : page([hook]));
  });
  const listed = await run(['webhooks', 'list'], server);
  expect(listed.stdout).toMatch(/webhook-1 +https:\/\/hook\.example\/ +failed +never +2 +it answered 500/);
  const tried = await run(['webhooks', 'test', 'webhook-1'], server);
  expect(tried.code).not.toBe(0);
  expect(tried.stderr).toContain('it answered 500');
});
