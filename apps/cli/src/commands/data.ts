/** `lowrank data`: what a file of training data holds, and what a model makes of it. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import { LowrankError } from '#base/errors.js';
import { viewPlannedData } from '#contracts/http/planned-data.js';
import { type DataForm, dataForm, formatNames } from '#data/data-form.js';
import { declarations, type MethodType } from '#training/objectives/declared/registry.js';
import type { InspectedData } from '#training/inspect-data.js';
import type { CommandContext, Run } from '../context.js';
import { type DataReport, dataText, type ModelReport } from '../data-text.js';
import { byteSize } from '../format.js';
import { assignments, gather } from '../job-body.js';
import { StatusLine } from '../progress-bar.js';
import { uploadFile } from '../upload-file.js';
import { wholeNumber } from './arguments.js';

interface DataOptions {
  readonly model?: string;
  readonly method?: string;
  readonly format?: string;
  readonly column?: readonly string[];
  readonly blockLength?: number;
}

export function addData(program: Command, run: Run): void {
  program
    .command('data')
    .argument('<file>', 'training data')
    .description('show what data hold, and with --model what it reads and learns; needs no service')
    .option('--model <name>', 'base model that is to read the data: a name or a folder')
    .option('--method <name>', `what is learned: ${declarations.map(({ type }) => type).join(' or ')}`)
    .option('--format <name>', `what the data are, where it is not seen: ${formatNames.join(', ')}`)
    .option('--column <field=name>', 'the column that is a field of rows, again and again', gather)
    .option('--block-length <number>', 'tokens in a block', wholeNumber(1, 1e9))
    .action(run<DataOptions>(data));
}

async function data(context: CommandContext, [file]: readonly string[], options: DataOptions): Promise<void> {
  const { output } = context;
  const form = formOf(options);
  const method = methodOf(options);
  // What reads data takes a while to load.
  const { inspectData, methodFor } = await import('#training/inspect-data.js');
  const bar = StatusLine.on(output);
  const onProgress = (done: number, total: number) =>
    bar?.show(`${byteSize(done)} of ${byteSize(total)} read`);
  const { signal } = context;
  let found: InspectedData;
  try {
    found = await inspectData(file!, { form, signal, onProgress }).catch(unreadable(file!));
  } finally {
    bar?.clear();
  }
  const { kind, format, rows, bytes, unknownFields: unknown_fields, warnings, duplicates } = found;
  const reading = { form, method: method ?? methodFor(kind), blockLength: options.blockLength };
  const model = options.model === undefined ? null : await byModel(context, file!, options.model, reading);
  const report: DataReport = {
    file: basename(file!),
    format,
    kind,
    rows,
    bytes,
    unknown_fields,
    duplicates,
    // What a model says of its rows goes before what may be.
    warnings: model ? model.warnings : warnings,
    model,
  };
  output.result(report, () => dataText(report, output));
}

interface Reading {
  readonly form: DataForm | null;
  readonly method: MethodType;
  readonly blockLength: number | undefined;
}

/** On this machine if the model lies here, else by a plan of the service. */
async function byModel(
  context: CommandContext,
  file: string,
  name: string,
  reading: Reading,
): Promise<ModelReport> {
  const { environment, client, signal } = context;
  const { findModel } = await import('../chat/find-model.js');
  const folder = await findModel(name, { client, environment, signal }).then(
    ({ base }) => base,
    (error: unknown) => {
      if ((error as LowrankError).code === 'base_folder_unknown') return undefined;
      throw error;
    },
  );
  if (folder === undefined) return byService(context, file, name, reading);
  const { readByModel } = await import('#training/inspect-data.js');
  const { measure, shown, warnings } = await readByModel(file, { ...reading, folder, signal });
  const { example: _, format: __, kind: ___, ...data } = viewPlannedData(measure, shown);
  return { name, method: reading.method, ...data, warnings: [...warnings] };
}

async function byService(
  { client, output, signal }: CommandContext,
  file: string,
  name: string,
  { form, method, blockLength }: Reading,
): Promise<ModelReport> {
  output.note(`${name} is not on this machine: the service reads the data`);
  const { format, columns } = form ?? {};
  const { id } = await uploadFile(client, file, { signal, format, columns });
  try {
    const training = blockLength === undefined ? {} : { training: { block_length: blockLength } };
    const body = { model: name, training_file: id, method: { type: method }, ...training };
    const plan = await client.jobs.plan(body, { signal });
    const { example: _, format: __, kind: ___, ...planned } = plan.data!.training;
    return { name, method, ...planned, warnings: plan.warnings };
  } finally {
    await client.files.delete(id);
  }
}

/** Throws LowrankError `usage`. */
function formOf({ format, column }: DataOptions): DataForm | null {
  if (format === undefined && column === undefined) return null;
  const columns = assignments('--column', column, String);
  const checked = dataForm.safeParse({ format, ...(column ? { columns } : {}) });
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  const fix = (issue as { params?: { fix?: string } }).params?.fix ?? issue!.message;
  throw new LowrankError('usage', `${issue!.path.join('.')}: ${fix}`);
}

/** Throws LowrankError `usage`. */
function methodOf({ method }: DataOptions): MethodType | undefined {
  const known = declarations.find(({ type }) => type === method);
  if (method === undefined || known) return known?.type as MethodType | undefined;
  const names = declarations.map(({ type }) => type).join(', ');
  throw new LowrankError('usage', `--method ${method}: give one of ${names}`);
}

const unreadable = (path: string) => (cause: unknown) => {
  if ((cause as NodeJS.ErrnoException).syscall === undefined) throw cause;
  const message = `${path} cannot be read: ${(cause as Error).message}`;
  throw new LowrankError('file_unreadable', message, { cause, details: { path } });
};
