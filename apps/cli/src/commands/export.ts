/** `lowrank export`: an adapter merged into its base model. */
import { type Command, Option } from 'commander';
import type { ExportCreate, ExportObject } from '#contracts/http/compositions.js';
import type { CommandContext, Run } from '../context.js';
import { fetchExport, partialExport } from '../downloads/fetch-folder.js';
import { byteSize } from '../format.js';
import { StatusLine } from '../progress-bar.js';
import { watching } from '../watching.js';
import { wholeNumber } from './arguments.js';

interface ExportOptions {
  readonly merged: 'f16' | 'bf16' | 'f32';
  readonly shardBytes: number;
  readonly out?: string;
}

export function addExport(program: Command, run: Run): void {
  program
    .command('export')
    .description('merge an adapter into its base model, on the server; Ctrl-C leaves the server at it')
    .argument('<adapter>', 'id or name of the adapter, the job that made it, or a checkpoint')
    .addOption(
      new Option('--merged <dtype>', 'number format of the model')
        .choices(['f16', 'bf16', 'f32'])
        .default('f16'),
    )
    .option('--shard-bytes <number>', 'most bytes of tensors in one file', wholeNumber(1024, 1e12), 5e9)
    .option('--out <folder>', 'fetch the model into a new folder; again where that broke off')
    .action(run<ExportOptions>(exportMerged));
}

async function exportMerged(
  context: CommandContext,
  [reference]: readonly string[],
  { merged: dtype, shardBytes, out }: ExportOptions,
): Promise<void> {
  const { client, output } = context;
  const member = reference!.startsWith('ftckpt_')
    ? { checkpoint: reference! }
    : { adapter: (await client.adapters.find(reference!)).id };
  const body = { ...member, dtype, max_shard_bytes: shardBytes };
  const made = await watching(context, async (wait) => {
    // One that is there, perhaps half fetched, is not made again.
    const same = out === undefined ? undefined : await findExport(context, body);
    return client.exports.wait(same ?? (await client.exports.create(body, wait)), wait);
  });
  if (out !== undefined) await fetchInto(context, made, out);
  const size = `${made.id}: ${byteSize(made.bytes)} in ${dtype}`;
  output.result(out === undefined ? made : { ...made, folder: out }, () => {
    if (out !== undefined) return `${size}, in ${out}`;
    const files = made.files.map(
      ({ name, bytes }) =>
        `  ${client.url}/v1/exports/${made.id}/files/${encodeURIComponent(name)} (${byteSize(bytes)})`,
    );
    return [size, ...files].join('\n');
  });
}

async function findExport({ client }: CommandContext, body: ExportCreate): Promise<ExportObject | undefined> {
  for await (const made of client.exports.list({ adapter: body.adapter })) {
    const isSame =
      made.adapter === (body.adapter ?? null) &&
      made.checkpoint === (body.checkpoint ?? null) &&
      made.dtype === body.dtype &&
      made.max_shard_bytes === body.max_shard_bytes;
    if (isSame && ['queued', 'running', 'succeeded'].includes(made.status)) return made;
  }
  return undefined;
}

async function fetchInto(
  { client, output, signal }: CommandContext,
  made: ExportObject,
  folder: string,
): Promise<void> {
  const bar = StatusLine.on(output);
  try {
    await fetchExport(client, made, folder, {
      signal,
      onProgress: (file, done, total) =>
        bar?.show(`${file} ${byteSize(done)} of ${byteSize(total)}, ${Math.floor((100 * done) / total)}%`),
    });
  } catch (error) {
    bar?.clear();
    output.note(`what has come is in ${partialExport(made, folder)}: give the command again to go on`);
    throw error;
  } finally {
    bar?.clear();
  }
}
