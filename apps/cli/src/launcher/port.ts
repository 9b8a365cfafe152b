/** The port that the API is to listen on: whether it can be had, and who has it otherwise. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { LowrankError } from '#base/errors.js';

/** Systems take the local ports of connections from above; one that is free now is not taken by chance a moment later. */
const [firstPort, endPort] = [20_000, 32_768];
const tries = 20;

/**
 * Makes sure that a port can be listened on, and yields it; 0 yields a free one.
 *
 * Throws LowrankError `port_in_use` (port, and pid where it can be found), `port_forbidden` and `host_unusable`.
 */
export async function requirePort(host: string, port: number): Promise<number> {
  return port === 0 ? freePort(host, tries) : tryPort(host, port);
}

async function freePort(host: string, triesLeft: number): Promise<number> {
  if (triesLeft === 0) return tryPort(host, 0);
  try {
    return await tryPort(host, randomInt(firstPort, endPort));
  } catch (error) {
    if (!(error instanceof LowrankError && error.code === 'port_in_use')) throw error;
    return freePort(host, triesLeft - 1);
  }
}

async function tryPort(host: string, port: number): Promise<number> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  } catch (error) {
    throw portError(error as NodeJS.ErrnoException, host, port);
  } finally {
    server.close();
  }
}

function portError(cause: NodeJS.ErrnoException, host: string, port: number): unknown {
  const details = { host, port };
  if (cause.code === 'EADDRINUSE') {
    const pid = findListener(port);
    const who = pid === undefined ? 'another process' : `process ${pid}`;
    const message = `port ${port} of ${host} is taken by ${who}: end it, or set PORT to another number`;
    return new LowrankError('port_in_use', message, { cause, details: { ...details, pid } });
  }
  if (cause.code === 'EACCES') {
    const message = `this user may not listen on port ${port}: set PORT to a number of 1024 or more`;
    return new LowrankError('port_forbidden', message, { cause, details });
  }
  if (cause.code === 'EADDRNOTAVAIL' || cause.code === 'ENOTFOUND') {
    const message = `${host} is not an address of this machine: set HOST to 127.0.0.1, 0.0.0.0 or one that it has`;
    return new LowrankError('host_unusable', message, { cause, details });
  }
  return cause;
}

/** The process that listens on a port, where the system shows it to this user: on Linux. */
export function findListener(port: number): number | undefined {
  try {
    const sockets = new Set(['tcp', 'tcp6'].flatMap((table) => listeningSockets(table, port)));
    if (sockets.size === 0) return undefined;
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    const pid = pids.find((pid) => openFiles(pid).some((file) => sockets.has(file)));
    return pid === undefined ? undefined : Number(pid);
  } catch {
    return undefined;
  }
}

const listening = '0A';

function listeningSockets(table: string, port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const rows = readFileSync(`/proc/net/${table}`, 'utf8').split('\n').slice(1);
  return rows.flatMap((row) => {
    const fields = row.trim().split(/\s+/);
    const [local, state, inode] = [fields[1], fields[3], fields[9]];
    return state === listening && local?.endsWith(`:${hex}`) ? [`socket:[${inode}]`] : [];
  });
}

/** What the files of a process are; none of another user's. */
function openFiles(pid: string): string[] {
  const folder = `/proc/${pid}/fd`;
  return orNone(() => readdirSync(folder)).flatMap((name) =>
    orNone(() => [readlinkSync(`${folder}/${name}`)]),
  );
}

/** Files and processes may be gone by the time that they are looked at. */
function orNone(read: () => string[]): string[] {
  try {
    return read();
  } catch {
    return [];
  }
}
