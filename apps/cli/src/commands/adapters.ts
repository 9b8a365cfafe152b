/** `lowrank adapters`: what jobs made, and its files. */
import type { Command } from 'commander';
import { firstOf } from '#client/pages.js';
import type { UploadProgress } from '#client/transport.js';
import type { AdapterObject } from '#contracts/http/adapters.js';
import type { CommandContext, Run } from '../context.js';
import { fetchAdapter } from '../downloads/fetch-folder.js';
import { byteSize, dateTime } from '../format.js';
import { importAdapter } from '../import-adapter.js';
import { table } from '../output.js';
import { StatusLine } from '../progress-bar.js';
import { wholeNumber } from './arguments.js';

interface ListOptions {
  readonly limit: number;
  readonly model?: string;
}

interface GetOptions {
  readonly out: string;
}

interface ImportOptions {
  readonly model?: string;
  readonly suffix?: string;
}

export function addAdapters(program: Command, run: Run): void {
  const adapters = program
    .command('adapters')
    .description('list adapters, newest first')
    .option('--limit <number>', 'how many', wholeNumber(1, 10_000), 20)
    .option('--model <name>', 'only those on this base model')
    .action(run<ListOptions>(list));
  adapters
    .command('show')
    .description('tell what an adapter is, and which programs load it')
    .argument('<adapter>', 'id or name of the adapter, or the job that made it')
    .action(run(show));
  adapters
    .command('get')
    .description("put an adapter's files into a folder, each checked by its SHA-256")
    .argument('<adapter>', 'id or name of the adapter, or the job that made it')
    .requiredOption('--out <folder>', 'a new folder')
    .action(run<GetOptions>(get));
  adapters
    .command('import')
    .description('bring in an adapter that was trained elsewhere')
    .argument('<path>', "a PEFT folder, its .tar, .tar.gz or .zip, or a .safetensors of kohya's form")
    .option('--model <name>', 'the base model, where the adapter names none that is here')
    .option('--suffix <text>', "part of the adapter's name")
    .action(run<ImportOptions>(bringIn));
}

async function list(
  { client, output }: CommandContext,
  _: readonly string[],
  { limit, model }: ListOptions,
): Promise<void> {
  const adapters = await firstOf(client.adapters.list({ model }), limit);
  if (output.json) {
    for (const adapter of adapters) output.record(adapter);
    return;
  }
  const rows = adapters.map(({ id, name, model, bytes, created_at: created }) => {
    return [id, name, model, byteSize(bytes), dateTime(created)];
  });
  const headings = ['ADAPTER', 'NAME', 'BASE MODEL', 'SIZE', 'CREATED'];
  output.say(rows.length > 0 ? table(headings, rows) : 'No adapters.');
}

async function show({ client, output }: CommandContext, [reference]: readonly string[]): Promise<void> {
  const adapter = await client.adapters.find(reference!);
  const rows = adapter.runs_on.map(({ program, runs, reason, export: format }) => [
    program,
    runs ? 'yes' : 'no',
    reason ?? '',
    format ?? '',
  ]);
  output.result(adapter, () =>
    [
      `${adapter.id}  ${adapter.name}`,
      `base model ${adapter.model}, ${byteSize(adapter.bytes)}, ${dateTime(adapter.created_at)}`,
      ...adapter.notes,
      '',
      table(['RUNS ON', 'AS IT IS', 'WHY NOT', 'EXPORT THAT DOES'], rows),
    ].join('\n'),
  );
}

async function bringIn(
  { client, output, signal }: CommandContext,
  [path]: readonly string[],
  { model, suffix }: ImportOptions,
): Promise<void> {
  const bar = StatusLine.on(output);
  const onProgress = ({ sentBytes, totalBytes }: UploadProgress) =>
    bar?.show(`${byteSize(sentBytes)} of ${byteSize(totalBytes)}`);
  let adapter: AdapterObject;
  try {
    adapter = await importAdapter(client, path!, { model, suffix, signal, onProgress });
  } finally {
    bar?.clear();
  }
  for (const note of adapter.notes) output.note(`note: ${note}`);
  output.result(adapter, () => `${adapter.id}  ${adapter.name}`);
}

async function get(
  { client, output, signal }: CommandContext,
  [reference]: readonly string[],
  { out }: GetOptions,
): Promise<void> {
  const adapter = await client.adapters.find(reference!);
  const bar = StatusLine.on(output);
  const onProgress = (_: string, done: number, total: number) =>
    bar?.show(`${byteSize(done)} of ${byteSize(total)}`);
  try {
    await fetchAdapter(client, adapter, out, { signal, onProgress });
  } finally {
    bar?.clear();
  }
  for (const note of adapter.notes) output.note(`note: ${note}`);
  output.result(
    { adapter: adapter.id, folder: out, files: adapter.files },
    () =>
      `${adapter.id} is in ${out}: ${adapter.files.map(({ name }) => name).join(', ')} (checked by SHA-256)`,
  );
}
