/** `lowrank compose`, `export` and `share`: what is done with adapters once they are trained. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CompositionCreate } from '#contracts/http/compositions.js';
import { LowrankError } from '#jit/errors.js';
import type { WaitOptions } from '../client/compositions.js';
import type { CommandContext, Run } from '../context.js';
import { byteSize, dateTime } from '../format.js';
import { StatusLine } from '../progress-bar.js';
import { wholeNumber } from './arguments.js';

export function addCompose(program: Command, run: Run): void {
  program
    .command('compose')
    .description('add adapters of one base model up to one, each with a weight of either sign')
    .argument(
      '<member=weight...>',
      'an adapter (id, name or job) or a checkpoint with its weight: a=0.7 b=-0.3',
    )
    .option('--rank <number>', 'the best of this rank (default: exact)', wholeNumber(1, 1_000_000))
    .option('--energy <share>', 'the smallest ranks that keep this share of the energy', shareOf)
    .option('--suffix <text>', "part of the adapter's name")
    .action(run<Pick<CompositionCreate, 'rank' | 'energy' | 'suffix'>>(compose));
  program
    .command('export')
    .description('merge an adapter into its base model, on the server')
    .argument('<adapter>', 'id or name of the adapter, or the job that made it')
    .addOption(
      new Option('--merged <dtype>', 'number format of the model')
        .choices(['f16', 'bf16', 'f32'])
        .default('f16'),
    )
    .option('--shard-bytes <number>', 'most bytes of tensors in one file', wholeNumber(1024, 1e12))
    .action(run<ExportOptions>(exportMerged));
  program
    .command('share')
    .description('make a link to an adapter')
    .argument('<adapter>', 'id or name of the adapter, or the job that made it')
    .option('--expires <time>', 'how long it lives, such as 30m, 12h or 7d', secondsOf, 7 * 86_400)
    .option('--downloads <number>', 'how often its weights may be fetched', wholeNumber(1, 1_000_000))
    .action(run<ShareOptions>(share));
}

interface ExportOptions {
  readonly merged: 'f16' | 'bf16' | 'f32';
  readonly shardBytes?: number;
}

interface ShareOptions {
  readonly expires: number;
  readonly downloads?: number;
}

async function compose(
  context: CommandContext,
  args: readonly string[],
  options: Pick<CompositionCreate, 'rank' | 'energy' | 'suffix'>,
): Promise<void> {
  const { client, output } = context;
  const members: CompositionCreate['members'] = [];
  for (const argument of args) members.push(await memberOf(context, argument));
  const made = await watching(context, (wait) => client.compositions.compose({ members, ...options }, wait));
  const { overall, rank, stack_rank: stack } = made.report!;
  output.result(
    made,
    () =>
      `${made.adapter} is composed, rank ${rank} of ${stack}: kept energy ${overall.kept_energy.toFixed(6)}, ` +
      `relative error ${overall.relative_error.toPrecision(3)}`,
  );
}

async function memberOf(
  { client }: CommandContext,
  argument: string,
): Promise<CompositionCreate['members'][number]> {
  const [, reference, text] = /^(.+)=([^=]+)$/.exec(argument) ?? [];
  const weight = Number(text);
  if (reference === undefined || !Number.isFinite(weight)) {
    throw new LowrankError('usage', `${argument}: give an adapter and its weight, such as adapter-x=0.7`);
  }
  if (reference.startsWith('ftckpt_')) return { checkpoint: reference, weight };
  return { adapter: (await client.adapters.find(reference)).id, weight };
}

async function exportMerged(
  context: CommandContext,
  [reference]: readonly string[],
  { merged: dtype, shardBytes }: ExportOptions,
): Promise<void> {
  const { client, output } = context;
  const adapter = (await client.adapters.find(reference!)).id;
  const body = { adapter, dtype, ...(shardBytes === undefined ? {} : { max_shard_bytes: shardBytes }) };
  const made = await watching(context, (wait) => client.compositions.export(body, wait));
  output.result(made, () => {
    const files = made.files.map(
      ({ name, bytes }) => `  ${client.url}/v1/exports/${made.id}/files/${name} (${byteSize(bytes)})`,
    );
    return [`${made.id}: ${byteSize(made.bytes)} in ${dtype}`, ...files].join('\n');
  });
}

async function share(
  { client, output }: CommandContext,
  [reference]: readonly string[],
  { expires, downloads }: ShareOptions,
): Promise<void> {
  const { id } = await client.adapters.find(reference!);
  const limit = downloads === undefined ? {} : { max_downloads: downloads };
  const made = await client.compositions.share({ adapter: id, expires_in_seconds: expires, ...limit });
  const url = `${client.url}${made.path ?? ''}`;
  output.result({ ...made, url }, () => `${url}\nuntil ${dateTime(made.expires_at)}; ${made.id} names it`);
}

/** Shows how far the server is, on a terminal. */
async function watching<T>(
  { output, signal }: CommandContext,
  work: (options: WaitOptions) => Promise<T>,
): Promise<T> {
  const bar = output.isTerminal
    ? new StatusLine(
        (text) => output.raw(text),
        () => output.width,
      )
    : undefined;
  try {
    return await work({
      signal,
      onProgress: ({ status, progress }) =>
        bar?.show(
          progress ? `${progress.stage} ${Math.round((100 * progress.done) / progress.total)}%` : status,
        ),
    });
  } finally {
    bar?.clear();
  }
}

function shareOf(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('give a number above 0 and up to 1, such as 0.95.');
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

function secondsOf(text: string): number {
  const [, number, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (unit !== undefined && Number(number) > 0) return Number(number) * unitSeconds[unit]!;
  throw new InvalidArgumentError('give a number with s, m, h or d, such as 7d.');
}
