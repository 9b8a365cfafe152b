/** `lowrank compositions`: sums of adapters that were asked for, and what became of them. */
import type { Command } from 'commander';
import type { CompositionObject } from '#contracts/http/compositions.js';
import { firstOf } from '#client/pages.js';
import type { CommandContext, Run } from '../context.js';
import { dateTime } from '../format.js';
import { table } from '../output.js';
import { statusText } from '../work-status.js';
import { wholeNumber } from './arguments.js';

interface ListOptions {
  readonly limit: number;
}

export function addCompositions(program: Command, run: Run): void {
  const compositions = program
    .command('compositions')
    .description('list compositions, newest first; cancel or delete one');
  compositions
    .command('list', { isDefault: true })
    .description('list compositions, newest first; what is done unless another command is given')
    .option('--limit <number>', 'how many', wholeNumber(1, 10_000), 20)
    .action(run<ListOptions>(list));
  compositions
    .command('cancel')
    .description('stop one that waits or is made')
    .argument('<composition>', 'its id')
    .action(run(cancel));
  compositions
    .command('delete')
    .description('take one out of the list, or stop it; the adapter that it became stays')
    .argument('<composition>', 'its id')
    .action(run(remove));
}

async function list(
  { client, output }: CommandContext,
  _: readonly string[],
  { limit }: ListOptions,
): Promise<void> {
  const compositions = await firstOf(client.compositions.list(), limit);
  if (output.json) {
    for (const composition of compositions) output.record(composition);
    return;
  }
  const rows = compositions.map((made) => [
    made.id,
    statusText(made),
    made.report?.overall.kept_energy.toFixed(6) ?? '',
    made.adapter ?? '',
    dateTime(made.created_at),
    membersText(made),
  ]);
  const headings = ['COMPOSITION', 'STATUS', 'KEPT ENERGY', 'ADAPTER', 'CREATED', 'MEMBERS'];
  output.say(rows.length > 0 ? table(headings, rows) : 'No compositions.');
}

/** As `lowrank compose` takes them. */
function membersText({ members }: CompositionObject): string {
  return members
    .map(({ adapter, checkpoint, weight }) => `${adapter ?? checkpoint ?? ''}=${weight}`)
    .join(' ');
}

async function cancel({ client, output }: CommandContext, [id]: readonly string[]): Promise<void> {
  const cancelled = await client.compositions.cancel(id!);
  output.result(cancelled, () => `${cancelled.id} is ${cancelled.status}`);
}

async function remove({ client, output }: CommandContext, [id]: readonly string[]): Promise<void> {
  const removed = await client.compositions.delete(id!);
  output.result(removed, () => `${removed.id} is deleted`);
}
