import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { requirePort } from './port.js';

test('0 gives a free port, which can be listened on', async () => {
  const port = await requirePort('127.0.0.1', 0);
  // Below those that systems give to connections by themselves.
  expect(port).toBeLessThan(32_768);
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  expect(server.address()).toMatchObject({ port });
  server.close();
});

test('a taken port is an error that names it and, on Linux, who has it', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await expect(requirePort('127.0.0.1', port)).rejects.toMatchObject({
    code: 'port_in_use',
    details: { port, pid: process.platform === 'linux' ? process.pid : undefined },
    message: expect.stringMatching(new RegExp(`port ${port} .*set PORT`)) as unknown,
  });
  server.close();
});

test('an address of another machine is an error that says so', async () => {
  await expect(requirePort('192.0.2.1', 0)).rejects.toMatchObject({ code: 'host_unusable' });
});
