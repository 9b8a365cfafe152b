/** `lowrank export`: an adapter merged into its base model, or in another format. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  declaredExport,
  type ExportDtype,
  exportDtypes,
  type ExportFormatName,
  exportFormatNames,
} from '#adapters/exports/declared.js';
import { LowrankError } from '#base/errors.js';
import type { ExportCreate, ExportObject } from '#contracts/http/compositions.js';
import type { CommandContext, Run } from '../context.js';
import { fetchExport, partialExport } from '../downloads/fetch-folder.js';
import { byteSize } from '../format.js';
import { StatusLine } from '../progress-bar.js';
import { watching } from '../watching.js';
import { wholeNumber } from './arguments.js';

interface ExportOptions {
  readonly format?: Exclude<ExportFormatName, 'merged'>;
  readonly dtype?: ExportDtype;
  readonly merged?: MergedChoice;
  readonly shardBytes?: number;
  readonly out?: string;
}

type MergedChoice = Pick<ExportCreate, 'format' | 'dtype'>;

export function addExport(program: Command, run: Run): void {
  program
    .command('export')
    .description(
      'merge an adapter into its base model, or write it in another format, on the server; Ctrl-C leaves the server at it',
    )
    .argument('<adapter>', 'id or name of the adapter, the job that made it, or a checkpoint')
    .addOption(
      new Option('--merged <dtype>', `a merged model: ${mergedChoices.join(', ')} (default: f16)`).argParser(
        mergedChoice,
      ),
    )
    .addOption(
      new Option('--format <format>', 'the adapter itself in another format').choices(adapterFormats),
    )
    .addOption(new Option('--dtype <dtype>', 'number format, with --format').choices([...exportDtypes]))
    .option(
      '--shard-bytes <number>',
      'most bytes of tensors in one file of safetensors',
      wholeNumber(1024, 1e12),
    )
    .option('--out <folder>', 'fetch it into a new folder; again where that broke off')
    .action(run<ExportOptions>(exportAdapter));
}

const mergedFormats = { '': 'merged', 'gguf:': 'merged-gguf' } as const;
const adapterFormats = exportFormatNames.filter(
  (name) => !Object.values<string>(mergedFormats).includes(name),
);
const mergedChoices = Object.entries(mergedFormats).flatMap(([prefix, format]) =>
  declaredExport(format).dtypes.map((dtype) => `${prefix}${dtype}`),
);

function mergedChoice(text: string): MergedChoice {
  const [prefix, format] = Object.entries(mergedFormats).findLast(([prefix]) => text.startsWith(prefix))!;
  const dtype = declaredExport(format).dtypes.find((one) => `${prefix}${one}` === text);
  if (dtype === undefined) throw new InvalidArgumentError(`Allowed choices are ${mergedChoices.join(', ')}.`);
  return { format, dtype };
}

/** What the flags ask for. */
function orderOf({ format, dtype, merged, shardBytes }: ExportOptions): Omit<ExportCreate, 'adapter'> {
  if (format !== undefined && merged !== undefined) {
    throw new LowrankError('usage', 'give --merged or --format, not both');
  }
  if (format === undefined && dtype !== undefined) {
    throw new LowrankError('usage', `--dtype goes with --format: write --merged ${dtype}`);
  }
  const shards = shardBytes === undefined ? {} : { max_shard_bytes: shardBytes };
  if (format !== undefined) return { format, ...(dtype === undefined ? {} : { dtype }), ...shards };
  return { ...(merged ?? { format: 'merged', dtype: 'f16' }), ...shards };
}

async function exportAdapter(
  context: CommandContext,
  [reference]: readonly string[],
  { out, ...options }: ExportOptions,
): Promise<void> {
  const { client, output } = context;
  const order = orderOf(options);
  const member = reference!.startsWith('ftckpt_')
    ? { checkpoint: reference! }
    : { adapter: (await client.adapters.find(reference!)).id };
  const body = { ...member, ...order };
  const made = await watching(context, async (wait) => {
    // One that is there, perhaps half fetched, is not made again.
    const same = out === undefined ? undefined : await findExport(context, body);
    return client.exports.wait(same ?? (await client.exports.create(body, wait)), wait);
  });
  if (out !== undefined) await fetchInto(context, made, out);
  const size = `${made.id}: ${byteSize(made.bytes)} in ${made.dtype}`;
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
      made.format === body.format &&
      (body.dtype === undefined || made.dtype === body.dtype) &&
      (body.max_shard_bytes === undefined || made.max_shard_bytes === body.max_shard_bytes);
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
