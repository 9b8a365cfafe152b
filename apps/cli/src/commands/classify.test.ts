import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Classification } from '#contracts/http/classifications.js';
import { run } from '../../test/run-cli.js';
import { sendJson, stubServer } from '../../../../test/stub-server.js';

const answer: Classification = {
  id: 'class-1',
  object: 'classification',
  created: 1_700_000_000,
  model: 'reviews',
  results: [
    {
      index: 0,
      label: 'good',
      probabilities: [
        { label: 'bad', probability: 0.125 },
        { label: 'good', probability: 0.875 },
      ],
    },
  ],
  usage: { prompt_tokens: 3, total_tokens: 3 },
};

test('a text is sent with its pair, and its class shown with the probability', async () => {
  const server = await stubServer((_, response) => sendJson(response, answer));
  const { url } = server;
  const { code, stdout } = await run(['classify', 'reviews', 'A joy.', '--pair', 'Is it?'], { url });
  await server.close();
  expect(code).toBe(0);
  expect(stdout).toMatch(/good\s+0\.8750\s+A joy\./);
  expect(server.seen[0]).toMatchObject({ method: 'POST', path: '/v1/classifications' });
  expect(JSON.parse(server.seen[0]!.body)).toEqual({
    model: 'reviews',
    input: [{ text: 'A joy.', text_pair: 'Is it?' }],
  });
});

test('files of images are sent as data URLs, and their names shown', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'classify-'));
  const file = join(folder, 'cat.png');
  await writeFile(file, Buffer.from([1, 2, 3]));
  const server = await stubServer((_, response) => sendJson(response, answer));
  const { url } = server;
  const { code, stdout } = await run(['classify', 'cats', '--image', file], { url });
  const missing = await run(['classify', 'cats', '--image', join(folder, 'dog.png')], { url });
  const nothing = await run(['classify', 'cats'], { url });
  await server.close();
  await rm(folder, { recursive: true });
  expect(code).toBe(0);
  expect(stdout).toContain(file);
  expect(JSON.parse(server.seen[0]!.body)).toEqual({
    model: 'cats',
    input: [{ image: 'data:;base64,AQID' }],
  });
  expect(server.seen).toHaveLength(1);
  expect(missing.stderr).toContain('dog.png');
  expect(nothing.stderr).toContain('--image');
});
