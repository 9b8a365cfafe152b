import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isPublicAddress, postPublic } from '#platform/public-request.js';

let port: number;
let asked = 0;
const server = createServer((request, response) => {
  asked++;
  request.resume();
  if (request.url === '/never') return;
  response.writeHead(request.url === '/away' ? 302 : 200, { location: '/elsewhere' }).end('x');
});
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => server.close());

const post = (url: string, allowPrivate: boolean) =>
  postPublic(new URL(url), { body: '{}', headers: {}, milliseconds: 300, allowPrivate });

describe('an address', () => {
  test.each(['8.8.8.8', '1.1.1.1', '2606:4700::1111'])('of the internet is public: %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  test.each(
    (
      '127.0.0.1 10.1.2.3 172.31.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255 ' +
      '::1 :: fe80::1 fd00::1 ::ffff:127.0.0.1 64:ff9b::7f00:1 2002:7f00:1:: localhost'
    ).split(' '),
  )('of anything else is not: %s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

test('this machine is not reached, by number or by name', async () => {
  for (const host of ['127.0.0.1', 'localhost', '[::1]', '2130706433', '0x7f.1']) {
    await expect(post(`http://${host}:${port}/`, false), host).rejects.toThrow(/may not reach/);
  }
  expect(asked).toBe(0);
});

test('what is allowed is reached, no redirect is followed, and silence ends', async () => {
  expect(await post(`http://localhost:${port}/`, true)).toBe(200);
  expect(await post(`http://127.0.0.1:${port}/away`, true)).toBe(302);
  expect(asked).toBe(2);
  await expect(post(`http://127.0.0.1:${port}/never`, true)).rejects.toThrow('no answer within 0.3 s');
});
