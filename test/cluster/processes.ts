/** Servers that tests start: they must be there, and end with the tests however these end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { LAUNCH } from '#platform/database/postgres-server.js';
import { requirePort } from '../../apps/cli/src/launcher/port.js';

const NOT_FOUND = 127;

/** Starts a server and waits until its port takes connections; fails with the fix when it is not installed. */
export async function startServer(
  program: string,
  args: readonly string[],
  { port, fix }: { readonly port: number; readonly fix: string },
): Promise<ChildProcess> {
  const child = spawn('/bin/sh', ['-c', LAUNCH, 'sh', program, ...args], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  child.stdin.on('error', () => undefined);
  child.once('exit', () => child.stdin.destroy());
  for (const deadline = Date.now() + 20_000; Date.now() < deadline;) {
    if (child.exitCode === NOT_FOUND) throw new Error(`${program} is needed and not installed: ${fix}`);
    const ended = child.exitCode ?? child.signalCode;
    if (ended !== null) throw new Error(`${program} ended with ${ended} before it answered`);
    if (await answers(port)) return child;
    await delay(30);
  }
  await stopServer(child, 'SIGKILL');
  throw new Error(`${program} did not answer within 20 s`);
}

export async function stopServer(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

export async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

export const freePort = (): Promise<number> => requirePort('127.0.0.1', 0);
