/** `lowrank keys`: API keys, made on the machine of the database. */
import type { Command } from 'commander';
import type { ApiKeys } from '#jobs/api-keys.js';
import type { CommandContext, Run } from '../context.js';
import { dateTime } from '../format.js';
import { table } from '../output.js';

interface CreateOptions {
  readonly name: string;
  readonly project?: string;
}

export function addKeys(program: Command, run: Run): void {
  const keys = program
    .command('keys')
    .description('keys of the API; needs the database (LOWRANK_HOME or DATABASE_URL), not the server');
  keys
    .command('create')
    .description('make a key and show it, once')
    .option('--name <text>', 'whose it is', 'default')
    .option('--project <name>', 'whose files and jobs it opens (default: default)')
    .action(run<CreateOptions>(create));
  keys.command('list').description('list keys').action(run(list));
  keys
    .command('revoke')
    .description('end a key')
    .argument('<key>', 'id of the key')
    .action(
      run(async (context, [id]) => {
        await withKeys(context, (keys) => keys.revoke(id!));
        context.output.result({ id, revoked: true }, () => `${id} does not count any more`);
      }),
    );
}

async function create(context: CommandContext, _: readonly string[], options: CreateOptions): Promise<void> {
  const { key, secret } = await withKeys(context, (keys) => keys.create(options));
  const { id, name, projectId } = key;
  context.output.result({ id, name, project: projectId, secret }, () => {
    return `${secret}\nThis is ${id} (${name}). It is shown this once: keep it, and set LOWRANK_API_KEY to it.`;
  });
}

async function list(context: CommandContext): Promise<void> {
  const { output } = context;
  const found = await withKeys(context, (keys) => keys.list());
  if (output.json) {
    for (const { id, name, projectId, prefix, createdAt, revokedAt } of found) {
      output.record({ id, name, project: projectId, prefix, created_at: createdAt, revoked_at: revokedAt });
    }
    return;
  }
  const rows = found.map(({ id, name, projectId, prefix, createdAt, revokedAt }) => {
    const at = (date: Date) => dateTime(date.getTime() / 1000);
    return [
      id,
      name,
      projectId,
      `${prefix}...`,
      at(createdAt),
      revokedAt ? `revoked ${at(revokedAt)}` : 'counts',
    ];
  });
  const headings = ['KEY', 'NAME', 'PROJECT', 'BEGINS', 'CREATED', 'STATUS'];
  output.say(rows.length > 0 ? table(headings, rows) : 'No keys.');
}

/** The database's client is loaded only here. */
async function withKeys<T>({ environment }: CommandContext, work: (keys: ApiKeys) => Promise<T>): Promise<T> {
  const { ApiKeys } = await import('#jobs/api-keys.js');
  const { withLocalDatabase } = await import('../local-database.js');
  return withLocalDatabase(environment, (database) => work(new ApiKeys(database)));
}
