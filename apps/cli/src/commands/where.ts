/** `lowrank where`: which program this is, and where it keeps what. */
import type { Command } from 'commander';
import { type Configuration, parseConfiguration } from '#platform/config.js';
import type { CommandContext, Run } from '../context.js';
import { programRoot, programVersion } from '#platform/program.js';
import { findHolder } from '../launcher/home-lock.js';
import { facts } from '../output.js';

export function addWhere(program: Command, run: Run): void {
  program
    .command('where')
    .description('show where this program and its data lie, and what runs')
    .action(run(where));
}

async function where({ environment, output, client }: CommandContext): Promise<void> {
  const configuration = parseConfiguration(environment);
  const { home } = configuration;
  const holder = await findHolder(home);
  const value = {
    version: programVersion,
    node: process.version,
    program: programRoot,
    home,
    database: databaseOf(configuration),
    queue: configuration.redisUrl === null ? 'in the database' : withoutSecret(configuration.redisUrl),
    objects: objectsOf(configuration),
    running: holder ? { pid: holder.pid, url: holder.url ?? null } : null,
    url: client.url,
  };
  output.result(value, () =>
    facts([
      ['version', `${value.version} on Node ${value.node}`],
      ['program', value.program],
      ['home', value.home],
      ['database', value.database],
      ['queue', value.queue],
      ['objects', value.objects],
      ['running', holder ? `process ${holder.pid} on ${holder.url ?? 'an address to come'}` : 'no'],
      ['commands ask', value.url],
    ]),
  );
}

function databaseOf({ databaseUrl, home }: Configuration): string {
  return databaseUrl === null ? `${home}/postgres (started with the service)` : withoutSecret(databaseUrl);
}

function objectsOf({ s3, home }: Configuration): string {
  return s3 === null ? `${home}/store` : `${s3.endpoint}/${s3.bucket}`;
}

function withoutSecret(text: string): string {
  const url = new URL(text);
  return `${url.protocol}//${url.host}${url.pathname}`;
}
