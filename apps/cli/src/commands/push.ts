/** `lowrank push`: an adapter uploaded to a hub. */
import type { Command } from 'commander';
import { firstOf } from '#client/pages.js';
import type { CommandContext, Run } from '../context.js';
import { dateTime } from '../format.js';
import { table } from '../output.js';
import { statusText } from '../work-status.js';
import { watching } from '../watching.js';
import { wholeNumber } from './arguments.js';

interface PushOptions {
  readonly private?: boolean;
  readonly baseModel?: string;
}

export function addPush(program: Command, run: Run): void {
  program
    .command('push')
    .description(
      'upload an adapter to the hub with the account of the server; Ctrl-C leaves the server at it',
    )
    .argument('<adapter>', 'id or name of the adapter, the job that made it, or a checkpoint')
    .argument('<repository>', 'OWNER/NAME at the hub; made if it is not there')
    .option('--private', 'if it is made, only its owner sees it')
    .option('--base-model <name>', 'OWNER/NAME of the base model at the hub (default: its name here)')
    .action(run<PushOptions>(push));
  const pushes = program.command('pushes').description('list uploads to the hub, newest first; cancel one');
  pushes
    .command('list', { isDefault: true })
    .description('list uploads, newest first; what is done unless another command is given')
    .option('--limit <number>', 'how many', wholeNumber(1, 10_000), 20)
    .action(run<{ limit: number }>(list));
  pushes
    .command('cancel')
    .description('stop one that waits or runs')
    .argument('<push>', 'its id')
    .action(
      run(async ({ client, output }, [id]) => {
        const cancelled = await client.pushes.cancel(id!);
        output.result(cancelled, () => `${cancelled.id} is ${cancelled.status}`);
      }),
    );
}

async function push(
  context: CommandContext,
  [reference, repository]: readonly string[],
  { private: isPrivate, baseModel }: PushOptions,
): Promise<void> {
  const { client, output } = context;
  const member = reference!.startsWith('ftckpt_')
    ? { checkpoint: reference! }
    : { adapter: (await client.adapters.find(reference!)).id };
  const body = { ...member, repository: repository!, private: isPrivate, base_model: baseModel };
  const made = await watching(context, async (wait) =>
    client.pushes.wait(await client.pushes.create(body, wait), wait),
  );
  if (made.base_model === null) {
    output.note(`the card names no base model, since ${made.model} is no name of the hub: give --base-model`);
  }
  output.result(made, () => `${made.url} at ${made.commit}`);
}

async function list(
  { client, output }: CommandContext,
  _: readonly string[],
  { limit }: { readonly limit: number },
): Promise<void> {
  const pushes = await firstOf(client.pushes.list(), limit);
  if (output.json) {
    for (const made of pushes) output.record(made);
    return;
  }
  const rows = pushes.map((made) => [
    made.id,
    statusText(made),
    made.adapter ?? made.checkpoint ?? '',
    made.repository,
    made.commit?.slice(0, 8) ?? '',
    dateTime(made.created_at),
  ]);
  output.say(
    rows.length > 0
      ? table(['PUSH', 'STATUS', 'OF', 'REPOSITORY', 'COMMIT', 'CREATED'], rows)
      : 'No uploads.',
  );
}
