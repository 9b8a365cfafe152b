import { afterEach, expect, test } from 'vitest';
import type { AdapterObject } from '#contracts/http/adapters.js';
import { sendJson, type StubAnswer, type StubServer, stubServer } from '../../test/stub-server.js';
import { LowrankClient } from './client.js';

const servers: StubServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const adapter: AdapterObject = {
  id: 'adapter-1',
  object: 'adapter',
  created_at: 0,
  name: 'ft:tiny:default:verse:1',
  model: 'tiny',
  base_identity: null,
  job: 'ftjob-1',
  composition: null,
  recipe: null,
  config: {},
  classes: null,
  runs_on: [],
  notes: [],
  files: [],
  bytes: 0,
  sha256: '0',
};

async function serve(answer: StubAnswer) {
  const server = await stubServer(answer);
  servers.push(server);
  return new LowrankClient({ url: server.url }).adapters;
}

const page = (data: readonly AdapterObject[]) => ({
  object: 'list',
  data,
  has_more: false,
  first_id: null,
  last_id: null,
});
const send: StubAnswer = ({ path }, response) =>
  sendJson(response, path.endsWith('/adapters') ? page([adapter]) : adapter);

test.each([['adapter-1'], ['ft:tiny:default:verse:1'], ['ftjob-1'], ['verse']])(
  '%s finds the adapter',
  async (reference) => {
    const adapters = await serve(send);
    expect(await adapters.find(reference)).toEqual(adapter);
  },
);

test('of several adapters with one suffix none is meant, and their ids are told', async () => {
  const other = { ...adapter, id: 'adapter-2', name: 'ft:tiny:default:verse:2', job: null };
  const adapters = await serve((_, response) => sendJson(response, page([other, adapter])));
  await expect(adapters.find('verse')).rejects.toMatchObject({
    code: 'adapter_ambiguous',
    message: expect.stringContaining('adapter-2, adapter-1') as string,
  });
  expect(await adapters.find('ftjob-1')).toEqual(adapter);
});

test('what no adapter is called is an error', async () => {
  const adapters = await serve(send);
  await expect(adapters.find('none')).rejects.toMatchObject({ code: 'adapter_not_found' });
});
