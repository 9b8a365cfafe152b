/** From a data set to blocks on disk: read, render, tokenize, pack; or find that it was done before. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LowrankError } from '#base/errors.js';
import { AtomicFile } from '#base/atomic-file-writer.js';
import { encodeBlock, encodeFooter, FORMAT_VERSION, type PreparationReport } from '#data/block-file.js';
import { BlockStore } from '#data/block-store.js';
import type { EncodedExample } from '#data/chat.js';
import { codecDigests, type InputCodec, readsImages } from '#data/input-codec.js';
import { ClassNames, explainUnknownClass } from '#data/class-names.js';
import { formKey } from '#data/data-form.js';
import type { ProblemCollector } from '#data/data-error.js';
import { DatasetReader, type DatasetOptions, type DatasetSummary } from '#data/dataset.js';
import { encodeNumberedRow, isRendered } from '#data/examples.js';
import { BlockPacker, type PackingReport } from '#data/packing.js';
import { NoteCounter, warnOfUnknownFields } from '#data/row-notes.js';
import type { Row } from '#data/rows/row.js';

/** Some of the rows. */
export interface RowPart {
  /** Tells the part from others of the same file. */
  readonly name: string;
  readonly has: (row: Row) => boolean;
}

interface PrepareSettings extends DatasetOptions {
  /** The data set: JSON lines in UTF-8. */
  readonly file: string;
  /** Tokens in a block. */
  readonly blockLength: number;
  /** Whether several examples share a block. */
  readonly packing: boolean;
  /** Names of the classes, where examples have one. */
  readonly classes?: readonly string[];
  /** The rows to prepare; all unless given. */
  readonly part?: RowPart;
  /** Where prepared blocks are kept, by what they were made from. */
  readonly cacheFolder: string;
  /** Told the bytes of the file that are done. */
  readonly onProgress?: (bytesDone: number, bytesTotal: number) => void;
}

export type PrepareOptions = PrepareSettings & InputCodec;

/**
 * Prepares a data set, or opens what was prepared from the same bytes with the same tokenizer, template and options.
 * Memory stays flat however large the file is.
 *
 * Throws DataError (what is wrong with the data, up to 50 problems), LowrankError `disk_full`, `no_blocks` (every
 * example was too long for a block) or `file_changed`, and the signal's reason when it aborts. Whatever it throws,
 * no partial file is left.
 */
export async function prepareDataset(options: PrepareOptions): Promise<BlockStore> {
  const sha256 = await hashFile(options.file, options.signal);
  const digest = digestOf(options, sha256);
  const path = join(options.cacheFolder, `${digest}.blocks`);
  return (await openCached(path, options)) ?? (await build(options, { sha256, digest, path }));
}

async function openCached(
  path: string,
  { file, signal, onProgress }: PrepareOptions,
): Promise<BlockStore | undefined> {
  try {
    const store = await BlockStore.open(path, { signal });
    const { size } = await stat(file);
    onProgress?.(size, size);
    return store;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (!(error instanceof LowrankError) || error.code !== 'prepared_data_corrupt') throw error;
    await rm(path, { force: true });
    return undefined;
  }
}

async function build(
  options: PrepareOptions,
  { sha256, digest, path }: { sha256: string; digest: string; path: string },
): Promise<BlockStore> {
  const { size, mtimeMs } = await stat(options.file);
  const reader = new DatasetReader(options.file, options);
  const output = await AtomicFile.create(path);
  try {
    const { blockLength, packing, reading } = options;
    const maxExamples = reading?.examplesPerBlock?.(blockLength);
    const classes = options.classes && new ClassNames(options.classes);
    const classPlaces = classes && (packing ? maxExamples! : 1);
    const classOf = classes && ((label: string) => classes.find(label)!);
    const packer = new BlockPacker({ blockLength, packing, maxExamples, classOf }, (block) =>
      output.append(encodeBlock(block, classPlaces)),
    );
    const notes = new NoteCounter();
    let usesTemplate = false;
    for await (const rows of reader.batches()) {
      // Somebody who goes on writing to the file must not keep this going for ever.
      if (reader.bytesRead > size) throw changed(options.file);
      for (const row of rows) {
        if (reader.problems.isFull) break;
        options.signal?.throwIfAborted();
        if (options.part?.has(row.row) === false) continue;
        const encoding = encodeNumberedRow(row, options, reader.problems);
        const example = encoding instanceof Promise ? await encoding : encoding;
        if (!example) continue;
        if (!hasKnownClass(example, row.line, classes, reader.problems)) continue;
        notes.add(example.notes);
        usesTemplate ||= isRendered(row.row);
        if (reader.problems.isEmpty) packer.add(example, { maySplit: row.row.kind === 'text' });
      }
      await output.flush();
      options.onProgress?.(reader.bytesRead, size);
    }
    const after = await stat(options.file);
    // Looked at first: rows that are broken because the file is being written are no fault of the data.
    if (after.size !== size || after.mtimeMs !== mtimeMs) throw changed(options.file);
    const summary = reader.summary();
    if (summary.sha256 !== sha256) throw changed(options.file);
    const packed = packer.finish();
    if (packed.blocks === 0) {
      throw new LowrankError(
        'no_blocks',
        `Nothing to learn is left of ${reader.problems.file}: each of its ${packed.examples} examples has more than ` +
          `${options.blockLength} tokens before what is to be learned. Use longer blocks or shorter prompts.`,
        { details: { ...packed } },
      );
    }
    const report = reportOf(packed, summary, { notes, usesTemplate }, options);
    output.append(
      encodeFooter({
        version: FORMAT_VERSION,
        digest,
        blockLength,
        ...(classPlaces === undefined ? {} : { classPlaces }),
        ...(readsImages(options) ? { imageBytes: options.preprocessor.pixelCount } : {}),
        blockCount: packed.blocks,
        report,
      }),
    );
    await output.commit();
  } catch (error) {
    await output.discard();
    throw error;
  }
  return BlockStore.open(path, { signal: options.signal });
}

function hasKnownClass(
  { label }: EncodedExample,
  line: number,
  classes: ClassNames | undefined,
  problems: ProblemCollector,
): boolean {
  if (label === undefined || !classes || classes.find(label) !== undefined) return true;
  problems.add(line, 'label', 'unknown_class', explainUnknownClass(label, classes.names));
  return false;
}

function changed(file: string): LowrankError {
  return new LowrankError('file_changed', `${file} was changed while it was read. Start again.`);
}

function reportOf(
  packed: PackingReport,
  { kind, unknownFields, rows }: DatasetSummary,
  { notes, usesTemplate }: { readonly notes: NoteCounter; readonly usesTemplate: boolean },
  options: PrepareOptions,
): PreparationReport {
  const warnings: PreparationReport['warnings'] = notes.warnings(rows);
  const warn = (when: boolean, code: string, message: string): void => {
    if (when) warnings.push({ code, message });
  };
  const { truncatedExamples, droppedExamples, splitExamples } = packed;
  const limit = `blocks of ${options.blockLength} tokens`;
  warn(
    truncatedExamples > 0,
    'truncated_examples',
    `${truncatedExamples} examples are too long for ${limit} and lost their end.`,
  );
  warn(
    droppedExamples > 0,
    'dropped_examples',
    `${droppedExamples} examples were left out: in ${limit}, nothing to learn is left of them.`,
  );
  warn(splitExamples > 0, 'split_examples', `${splitExamples} texts were cut into pieces to fit ${limit}.`);
  warnings.push(...warnOfUnknownFields(unknownFields));
  const report = { kind, ...packed, unknownFields, warnings };
  if (readsImages(options)) return report;
  const { tokenizer, template } = options;
  warn(
    !tokenizer.special.eos && kind !== 'labelled' && (!usesTemplate || template.isDefault),
    'no_eos_token',
    'The tokenizer has no end-of-text token, so the model is not taught where to stop.',
  );
  warn(
    usesTemplate && template.isDefault,
    'default_template',
    'The model has no chat template; the plain default one is used. Clients must use the same.',
  );
  return report;
}

/**
 * What each version of the format, the newest first, would call the blocks of a file: those of one name were made from
 * equal inputs, though another version may have read them otherwise. Throws the signal's reason.
 */
export async function digestsOfVersions(options: PrepareOptions): Promise<string[]> {
  const sha256 = await hashFile(options.file, options.signal);
  return Array.from({ length: FORMAT_VERSION }, (_, index) =>
    digestOf(options, sha256, FORMAT_VERSION - index),
  );
}

function digestOf(options: PrepareOptions, sha256: string, version = FORMAT_VERSION): string {
  const { blockLength, packing, reading, classes } = options;
  const { tokenizer, template } = codecDigests(options);
  const inputs: unknown[] = [version, sha256, tokenizer, template, blockLength, packing];
  if (reading?.key !== undefined) inputs.push(reading.key, reading.examplesPerBlock?.(blockLength) ?? null);
  if (classes) inputs.push(classes);
  // What has been prepared before there were such things keeps its name.
  const form = formKey(options.form);
  if (form !== undefined) inputs.push('form', form);
  if (options.part) inputs.push('part', options.part.name);
  return createHash('sha256').update(JSON.stringify(inputs)).digest('hex');
}

async function hashFile(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    signal?.throwIfAborted();
    hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}
