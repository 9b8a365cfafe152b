/** Whether the service can run on this machine: disk, port, database, keys. */
import { mkdir, statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { LowrankError } from '#base/errors.js';
import { type Configuration, isLoopback } from '#platform/config.js';
import { byteSize } from '../format.js';
import { findHolder } from '../launcher/home-lock.js';
import { requirePort } from '../launcher/port.js';
import type { Check } from './device-checks.js';

const minFreeBytes = 2e9;

export async function checkMachine(configuration: Configuration): Promise<Check[]> {
  const { home } = configuration;
  const holder = await findHolder(home);
  return [
    {
      name: 'machine',
      ok: true,
      about: `${availableParallelism()} threads, ${byteSize(totalmem())} memory, Node ${process.version}`,
    },
    await checkHome(home),
    holder
      ? {
          name: 'service',
          ok: true,
          about: `runs as process ${holder.pid} on ${holder.url ?? 'an address to come'}`,
        }
      : await checkPort(configuration),
    await checkPostgres(configuration),
  ];
}

async function checkHome(home: string): Promise<Check> {
  try {
    await mkdir(home, { recursive: true });
    const { bavail, bsize } = await statfs(home);
    const free = bavail * bsize;
    const about = `${home}, ${byteSize(free)} free`;
    if (free >= minFreeBytes) return { name: 'home', ok: true, about };
    const fix =
      'free some space ("lowrank prune" removes caches), or set LOWRANK_HOME to a folder on another disk';
    return { name: 'home', ok: false, about, code: 'disk_full', fix };
  } catch (error) {
    const fix = 'set LOWRANK_HOME to a folder that can be written';
    return {
      name: 'home',
      ok: false,
      about: `${home}: ${(error as Error).message}`,
      code: 'home_unusable',
      fix,
    };
  }
}

async function checkPort({ host, port }: Configuration): Promise<Check> {
  try {
    await requirePort(host, port);
    const guard = isLoopback(host) ? '' : '; other machines need a key: lowrank keys create';
    return { name: 'service', ok: true, about: `does not run; ${host}:${port} is free${guard}` };
  } catch (error) {
    if (!(error instanceof LowrankError)) throw error;
    const [about, fix] = error.message.split(/: (?=[^:]*$)/);
    return { name: 'service', ok: false, about: about ?? error.message, code: error.code, fix };
  }
}

async function checkPostgres({ databaseUrl, home }: Configuration): Promise<Check> {
  if (databaseUrl !== null) return { name: 'database', ok: true, about: 'DATABASE_URL names it' };
  const { openPostgresPaths } = await import('#platform/database/postgres-paths.js');
  const { postgresSoftware } = await import('#platform/database/postgres-software.js');
  try {
    const { account, notes } = await openPostgresPaths(home);
    const { version } = await postgresSoftware(account, notes);
    return { name: 'database', ok: true, about: `Postgres ${version} comes with the program` };
  } catch (error) {
    if (!(error instanceof LowrankError)) throw error;
    return {
      name: 'database',
      ok: false,
      about: error.message,
      code: error.code,
      fix: 'or set DATABASE_URL to another Postgres',
    };
  }
}
