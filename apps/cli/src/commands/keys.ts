/** `lowrank keys`: API keys, made on the machine of the database. */
import type { Command } from 'commander';
import type { ApiKeys } from '#jobs/api-keys.js';
import type { CommandContext, Run } from '../context.js';
import { dateTime } from '../format.js';
import { table } from '../output.js';

interface CreateOptions {
  readonly name: string;
  readonly project?: string;
  readonly admin?: true;
}

interface RevokeOptions {
  readonly yesLockOut?: true;
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
    .option('--admin', 'let it register, replace and remove base models too, and see all projects in counts')
    .action(run<CreateOptions>(create));
  keys.command('list').description('list keys').action(run(list));
  keys
    .command('revoke')
    .description('end a key')
    .argument('<key>', 'id of the key')
    .option('--yes-lock-out', "revoke it even if it is the last administrator's key")
    .action(run<RevokeOptions>(revoke));
}

async function create(context: CommandContext, _: readonly string[], options: CreateOptions): Promise<void> {
  const { name, project, admin } = options;
  const role = admin ? 'admin' : 'project';
  const { key, secret } = await withKeys(context, (keys) => keys.create({ name, project, role }));
  const { id, projectId } = key;
  context.output.result({ id, name, role, project: projectId, secret }, () => {
    const whose = admin ? `${name}, administrator` : name;
    return `${secret}\nThis is ${id} (${whose}). It is shown this once: keep it, and set LOWRANK_API_KEY to it.`;
  });
}

async function revoke(
  context: CommandContext,
  [id]: readonly string[],
  options: RevokeOptions,
): Promise<void> {
  const left = await withKeys(context, (keys) => keys.revoke(id!, { allowLockOut: options.yesLockOut }));
  context.output.result({ id, revoked: true, keys_left: left.total, admin_keys_left: left.admins }, () => {
    const revoked = `${id} is revoked`;
    if (left.total === 0) {
      return `${revoked}. No key is left: the server refuses every request until \`lowrank keys create\` makes one.`;
    }
    if (left.admins > 0) return revoked;
    return `${revoked}. No administrator's key is left: \`lowrank keys create --admin\` makes one.`;
  });
}

async function list(context: CommandContext): Promise<void> {
  const { output } = context;
  const found = await withKeys(context, (keys) => keys.list());
  if (output.json) {
    for (const { id, name, role, projectId, prefix, createdAt, revokedAt } of found) {
      output.record({
        id,
        name,
        role,
        project: projectId,
        prefix,
        created_at: createdAt,
        revoked_at: revokedAt,
      });
    }
    return;
  }
  const rows = found.map(({ id, name, role, projectId, prefix, createdAt, revokedAt }) => {
    const at = (date: Date) => dateTime(date.getTime() / 1000);
    return [
      id,
      name,
      role,
      projectId,
      `${prefix}...`,
      at(createdAt),
      revokedAt ? `revoked ${at(revokedAt)}` : 'valid',
    ];
  });
  const headings = ['KEY', 'NAME', 'ROLE', 'PROJECT', 'BEGINS', 'CREATED', 'STATUS'];
  output.say(rows.length > 0 ? table(headings, rows) : 'No keys.');
}

/** The database's client is loaded only here. */
async function withKeys<T>({ environment }: CommandContext, work: (keys: ApiKeys) => Promise<T>): Promise<T> {
  const { ApiKeys } = await import('#jobs/api-keys.js');
  const { withLocalDatabase } = await import('../local-database.js');
  return withLocalDatabase(environment, (database) => work(new ApiKeys(database)));
}
