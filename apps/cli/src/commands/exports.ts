/** `lowrank exports`: merged models and other formats that were asked for, and what became of them. */
import type { Command } from 'commander';
import { firstOf } from '#client/pages.js';
import type { CommandContext, Run } from '../context.js';
import { byteSize, dateTime } from '../format.js';
import { table } from '../output.js';
import { statusText } from '../work-status.js';
import { wholeNumber } from './arguments.js';

interface ListOptions {
  readonly limit: number;
  readonly adapter?: string;
}

export function addExports(program: Command, run: Run): void {
  const exports = program.command('exports').description('list exports, newest first; cancel or delete one');
  exports
    .command('list', { isDefault: true })
    .description('list exports, newest first; what is done unless another command is given')
    .option('--limit <number>', 'how many', wholeNumber(1, 10_000), 20)
    .option('--adapter <adapter>', 'only those of this adapter: id, name or job')
    .action(run<ListOptions>(list));
  exports
    .command('cancel')
    .description('stop one that waits or is made')
    .argument('<export>', 'its id')
    .action(run(cancel));
  exports
    .command('delete')
    .description('delete one with its files, or stop it')
    .argument('<export>', 'its id')
    .action(run(remove));
}

async function list(
  { client, output }: CommandContext,
  _: readonly string[],
  { limit, adapter: reference }: ListOptions,
): Promise<void> {
  const adapter = reference === undefined ? undefined : (await client.adapters.find(reference)).id;
  const exports = await firstOf(client.exports.list({ adapter }), limit);
  if (output.json) {
    for (const made of exports) output.record(made);
    return;
  }
  const rows = exports.map((made) => [
    made.id,
    statusText(made),
    made.adapter ?? made.checkpoint ?? '',
    made.format,
    made.dtype,
    made.files.length > 0 ? byteSize(made.bytes) : '',
    dateTime(made.created_at),
  ]);
  const headings = ['EXPORT', 'STATUS', 'OF', 'FORMAT', 'NUMBERS', 'SIZE', 'CREATED'];
  output.say(rows.length > 0 ? table(headings, rows) : 'No exports.');
}

async function cancel({ client, output }: CommandContext, [id]: readonly string[]): Promise<void> {
  const cancelled = await client.exports.cancel(id!);
  output.result(cancelled, () => `${cancelled.id} is ${cancelled.status}`);
}

async function remove({ client, output }: CommandContext, [id]: readonly string[]): Promise<void> {
  const removed = await client.exports.delete(id!);
  output.result(removed, () => `${removed.id} is deleted`);
}
