/** `lowrank webhooks`: addresses that are told when jobs end. */
import { type Command, Option } from 'commander';
import { type WebhookEvent, webhookEvents } from '#contracts/http/webhooks.js';
import { LowrankError } from '#base/errors.js';
import { firstOf } from '#client/pages.js';
import type { CommandContext, Run } from '../context.js';
import { dateTime } from '../format.js';
import { table } from '../output.js';

interface AddOptions {
  readonly events?: readonly WebhookEvent[];
}

export function addWebhooks(program: Command, run: Run): void {
  const webhooks = program.command('webhooks').description('addresses that are told when jobs end');
  webhooks
    .command('add')
    .description('tell an address; the secret that its events are signed with is shown once')
    .argument('<url>', 'http or https address')
    .addOption(new Option('--events <types...>', 'what to tell (default: all)').choices(webhookEvents))
    .action(run<AddOptions>(add));
  webhooks.command('list').description('list them, newest first').action(run(list));
  webhooks.command('test').description('send an event now').argument('<webhook>', 'its id').action(run(test));
  webhooks
    .command('remove')
    .description('tell an address no more')
    .argument('<webhook>', 'its id')
    .action(run(remove));
}

async function add(
  { client, output }: CommandContext,
  [url]: readonly string[],
  { events }: AddOptions,
): Promise<void> {
  const made = await client.webhooks.create({ url: url!, ...(events ? { events: [...events] } : {}) });
  output.result(made, () => `${made.id}\nsecret ${made.secret}, shown this once`);
}

async function list({ client, output }: CommandContext): Promise<void> {
  const hooks = await firstOf(client.webhooks.list(), 1000);
  if (output.json) {
    for (const hook of hooks) output.record(hook);
    return;
  }
  const rows = hooks.map(({ id, url, events, delivered_at: at, pending, last_error: error }) => [
    id,
    url,
    events.map((event) => event.replace('fine_tuning.job.', '')).join(' '),
    at === null ? 'never' : dateTime(at),
    String(pending),
    error ?? '',
  ]);
  const headings = ['WEBHOOK', 'ADDRESS', 'EVENTS', 'DELIVERED', 'WAITING', 'LAST ERROR'];
  output.say(rows.length > 0 ? table(headings, rows) : 'No webhooks.');
}

async function test({ client, output }: CommandContext, [id]: readonly string[]): Promise<void> {
  const tried = await client.webhooks.test(id!);
  if (!tried.delivered) {
    throw new LowrankError(
      'webhook_failed',
      `${id!} did not take the event: ${tried.error ?? 'it is not known why'}`,
    );
  }
  output.result(tried, () => `${tried.id} took the event`);
}

async function remove({ client, output }: CommandContext, [id]: readonly string[]): Promise<void> {
  const removed = await client.webhooks.remove(id!);
  output.result(removed, () => `${removed.id} is told nothing any more`);
}
