/** `lowrank share` and `shares`: links to adapters. */
import { type Command, InvalidArgumentError } from 'commander';
import type { ShareObject } from '#contracts/http/shares.js';
import { firstOf } from '#client/pages.js';
import type { CommandContext, Run } from '../context.js';
import { dateTime } from '../format.js';
import { table } from '../output.js';
import { wholeNumber } from './arguments.js';

interface ShareOptions {
  readonly expires: number;
  readonly downloads?: number;
}

interface ListOptions {
  readonly limit: number;
}

export function addShare(program: Command, run: Run): void {
  program
    .command('share')
    .description('make a link to an adapter')
    .argument('<adapter>', 'id or name of the adapter, or the job that made it')
    .option('--expires <time>', 'how long it lives, such as 30m, 12h or 7d', secondsOf, 7 * 86_400)
    .option('--downloads <number>', 'how often its weights may be fetched', wholeNumber(1, 1_000_000))
    .action(run<ShareOptions>(share));
  const shares = program
    .command('shares')
    .description('list links, newest first, and what became of them')
    .argument('[adapter]', 'only those to this adapter: id, name or job')
    .option('--limit <number>', 'how many', wholeNumber(1, 10_000), 20)
    .action(run<ListOptions>(list));
  shares.command('revoke').description('end a link').argument('<share>', 'its id').action(run(revoke));
  shares
    .command('accesses')
    .description('who opened a link, and when: the newest first')
    .argument('<share>', 'its id')
    .action(run(accesses));
}

async function share(
  { client, output }: CommandContext,
  [reference]: readonly string[],
  { expires, downloads }: ShareOptions,
): Promise<void> {
  const { id } = await client.adapters.find(reference!);
  const limit = downloads === undefined ? {} : { max_downloads: downloads };
  const made = await client.shares.create({ adapter: id, expires_in_seconds: expires, ...limit });
  const url = addressOf(client.url, made.path ?? '');
  const end = `lowrank shares revoke ${made.id}`;
  output.result({ ...made, url }, () => `${url}\nuntil ${dateTime(made.expires_at)}; "${end}" ends it`);
}

async function list(
  { client, output }: CommandContext,
  [reference]: readonly string[],
  { limit }: ListOptions,
): Promise<void> {
  const adapter = reference === undefined ? undefined : (await client.adapters.find(reference)).id;
  const links = await firstOf(client.shares.list({ adapter }), limit);
  if (output.json) {
    for (const link of links) output.record(link);
    return;
  }
  const rows = links.map((link) => [
    link.id,
    link.adapter,
    link.status,
    downloadsOf(link),
    dateTime(link.expires_at),
    dateTime(link.created_at),
  ]);
  const headings = ['LINK', 'ADAPTER', 'STATUS', 'DOWNLOADS', 'ENDS', 'CREATED'];
  output.say(rows.length > 0 ? table(headings, rows) : 'No links.');
}

function downloadsOf({ downloads, max_downloads: most }: ShareObject): string {
  return most === null ? String(downloads) : `${downloads} of ${most}`;
}

async function revoke({ client, output }: CommandContext, [id]: readonly string[]): Promise<void> {
  const revoked = await client.shares.revoke(id!);
  output.result(revoked, () => `${revoked.id} opens nothing any more`);
}

async function accesses({ client, output }: CommandContext, [id]: readonly string[]): Promise<void> {
  const uses = await client.shares.accesses(id!);
  if (output.json) {
    for (const use of uses) output.record(use);
    return;
  }
  const rows = uses.map(({ created_at: at, outcome, file, address, user_agent: agent }) => {
    return [dateTime(at), outcome, file ?? '', address ?? '', agent ?? ''];
  });
  const headings = ['TIME', 'ANSWER', 'FILE', 'ADDRESS', 'PROGRAM'];
  output.say(rows.length > 0 ? table(headings, rows) : 'Nobody has opened it.');
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

function secondsOf(text: string): number {
  const [, number, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (unit !== undefined && Number(number) > 0) return Number(number) * unitSeconds[unit]!;
  throw new InvalidArgumentError('give a number with s, m, h or d, such as 7d.');
}

/** The address of a path at a server; one that knows under which path it is shown has that in its paths already. */
function addressOf(server: string, path: string): string {
  const { origin, pathname } = new URL(server);
  return pathname !== '/' && path.startsWith(`${pathname}/`) ? `${origin}${path}` : `${server}${path}`;
}
