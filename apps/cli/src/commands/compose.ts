/** `lowrank compose`: several adapters added up to one. */
import { type Command, InvalidArgumentError } from 'commander';
import type { CompositionCreate } from '#contracts/http/compositions.js';
import { LowrankError } from '#base/errors.js';
import type { CommandContext, Run } from '../context.js';
import { watching } from '../watching.js';
import { wholeNumber } from './arguments.js';

export function addCompose(program: Command, run: Run): void {
  program
    .command('compose')
    .description(
      'add adapters of one base model up to one, each with a weight of either sign; Ctrl-C leaves the server at it',
    )
    .argument(
      '<member=weight...>',
      'an adapter (id, name, suffix or job) or a checkpoint with its weight: a=0.7 b=-0.3',
    )
    .option('--rank <number>', 'the best of this rank (default: exact)', wholeNumber(1, 1_000_000))
    .option('--energy <share>', 'the smallest ranks that keep this share of the energy', shareOf)
    .option('--suffix <text>', "part of the adapter's name")
    .action(run<Pick<CompositionCreate, 'rank' | 'energy' | 'suffix'>>(compose));
}

async function compose(
  context: CommandContext,
  args: readonly string[],
  options: Pick<CompositionCreate, 'rank' | 'energy' | 'suffix'>,
): Promise<void> {
  const { client, output } = context;
  const members: CompositionCreate['members'] = [];
  for (const argument of args) members.push(await memberOf(context, argument));
  const made = await watching(context, async (wait) =>
    client.compositions.wait(await client.compositions.create({ members, ...options }, wait), wait),
  );
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

function shareOf(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('give a number above 0 and up to 1, such as 0.95.');
}
