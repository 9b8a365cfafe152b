/** The beginning of a data set as tokens, from which the whole is judged. */
import { basename } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { EncodedExample } from '#data/chat.js';
import { DatasetReader, longestLine } from '#data/dataset.js';
import { isArchive } from '#data/formats/registry.js';
import { openFile, type RandomAccess } from '#data/formats/random-access.js';
import { encodeNumberedRow } from '#data/examples.js';
import { unreadImage } from '#data/image-examples.js';
import { codecDigests, type InputCodec, readsImages } from '#data/input-codec.js';
import type { DataForm } from '#data/data-form.js';
import type { ProblemCollector } from '#data/data-error.js';
import { promptKey } from '#data/validation-split.js';
import type { NumberedRow, RowKind } from '#data/rows/row.js';
import { type DataWarning, NoteCounter, warnOfUnknownFields } from '#data/row-notes.js';
import { LowrankError } from '#base/errors.js';
import type { ClassCounts } from '#training/class-survey.js';
import type { RowReading } from '#data/rows/row-reading.js';

/** What turns rows into examples. */
export type RowCodec = InputCodec & { readonly reading: RowReading };

/** Names what a codec makes of rows. */
export function codecKey(codec: RowCodec): string {
  const { tokenizer, template } = codecDigests(codec);
  return `${tokenizer} ${template} ${codec.reading.key ?? ''}`;
}

/** As much of a file's content as is looked at, and the first row in any case. */
export const headBytes = 1 << 20;

export interface DataHead {
  /** See `DatasetSummary`. */
  readonly format: string;
  readonly kind: RowKind;
  readonly examples: readonly EncodedExample[];
  /** Of each example: names its prompt. */
  readonly prompts: readonly string[];
  /** Of each example: its line. */
  readonly lines: readonly number[];
  /** Whether examples are texts, which may be cut into pieces. */
  readonly maySplit: boolean;
  /** See `RowReading`. */
  readonly examplesPerBlock: RowReading['examplesPerBlock'];
  /** Whether the file is longer, so that counts are estimates. */
  readonly isPart: boolean;
  /** By how much the file is longer than what was looked at; 1 where that is all of it. */
  readonly share: number;
  /** Examples of each class, by its name. */
  readonly classes: ClassCounts;
  /** The same of the first example of each: its line. */
  readonly classLines: ReadonlyMap<string, number>;
  /** What of its rows is not learned, though they can be. */
  readonly warnings: readonly DataWarning[];
}

export interface HeadSource {
  /** What problems call the file. */
  readonly name: string;
  readonly content: RandomAccess;
  /** What is said of it. */
  readonly form?: DataForm | null;
}

const pieceBytes = 64 * 1024;
/** How long the event loop may wait. */
const sliceMilliseconds = 10;

export interface HeadOptions {
  readonly signal?: AbortSignal;
  /** Examples after which reading stops; what comes after is not checked. */
  readonly maxExamples?: number;
}

/**
 * Reads and encodes the whole rows of a head, the first one however long it is. Throws DataError with the problems in it, the
 * errors of the content, and the signal's reason.
 */
export async function readHead(
  source: HeadSource,
  codec: RowCodec,
  options: HeadOptions = {},
): Promise<DataHead> {
  const usual = await readUpTo(headBytes, source, codec, options);
  const head =
    usual ?? (await readUpTo(headBytes + longestLine, source, codec, { ...options, maxExamples: 1 }));
  if (head) return head;
  throw new LowrankError(
    'line_too_long',
    `${source.name}: the first row is longer than ${longestLine} bytes`,
  );
}

/** Undefined where so many bytes hold no whole row. */
async function readUpTo(
  maxContentBytes: number,
  { name, content, form }: HeadSource,
  codec: RowCodec,
  { signal, maxExamples = Infinity }: HeadOptions,
): Promise<DataHead | undefined> {
  const { reading } = codec;
  const reader = new DatasetReader(content, { name, signal, reading, form, maxContentBytes });
  const { problems } = reader;
  const examples: EncodedExample[] = [];
  const prompts: string[] = [];
  const lines: number[] = [];
  const notes = new NoteCounter();
  const classes = new Map<string, number>();
  const classLines = new Map<string, number>();
  let maySplit = false;
  const pause = pauses(signal);
  for await (const rows of reader.batches()) {
    if (examples.length >= maxExamples) break;
    for (const { row, line } of rows) {
      if (problems.isFull || examples.length >= maxExamples) break;
      await pause();
      maySplit = row.kind === 'text';
      const encoding = encode({ row, line }, codec, { problems, order: examples.length });
      const example = encoding instanceof Promise ? await encoding : encoding;
      if (!example) continue;
      notes.add(example.notes);
      const { label } = example;
      if (label !== undefined) {
        classes.set(label, (classes.get(label) ?? 0) + 1);
        if (!classLines.has(label)) classLines.set(label, line);
      }
      examples.push(example);
      lines.push(line);
      prompts.push(promptKey(row));
    }
  }
  if (examples.length < maxExamples) problems.throwIfAny();
  const isPart = reader.isCut || examples.length >= maxExamples;
  if (examples.length === 0 && reader.isCut) return undefined;
  const known = problems.isEmpty ? reader.summary() : undefined;
  const warnings = [
    ...notes.warnings(examples.length, { isPart }),
    ...warnOfUnknownFields(known?.unknownFields ?? {}),
  ];
  const { examplesPerBlock } = reading;
  const share = isPart ? content.size / reader.bytesRead : 1;
  return {
    format: known?.format ?? '',
    kind: known?.kind ?? 'text',
    examples,
    prompts,
    lines,
    maySplit,
    examplesPerBlock,
    isPart,
    share,
    classes,
    classLines,
    warnings,
  };
}

/** Only so many images are decoded: hundreds would take seconds, and their size is known. */
const maxDecoded = 32;

/** An example without its pixels, which nobody asks of a head. */
function encode(
  numbered: NumberedRow,
  codec: RowCodec,
  { problems, order }: { readonly problems: ProblemCollector; readonly order: number },
): EncodedExample | undefined | Promise<EncodedExample | undefined> {
  const { row } = numbered;
  if (row.kind !== 'image' || !readsImages(codec)) return encodeNumberedRow(numbered, codec, problems);
  if (order >= maxDecoded) return unreadImage(row, codec);
  return Promise.resolve(encodeNumberedRow(numbered, codec, problems)).then(
    (example) => example && unreadImage(row, codec),
  );
}

/**
 * Checks the whole rows of a head without a model; a head without any is in order. Throws DataError with the problems in
 * it, and the signal's reason.
 */
export async function checkHead(
  head: Buffer,
  { name, form, signal }: Pick<HeadSource, 'name' | 'form'> & { readonly signal?: AbortSignal },
): Promise<void> {
  // What is in it, only its end says.
  if (isArchive(head)) return;
  const reader = new DatasetReader(inPieces(head), { name, form, signal, isBeginning: true });
  for await (const _ of reader.batches()) signal?.throwIfAborted();
  reader.problems.throwIfAny();
}

/** Lets the event loop go on now and then. */
function pauses(signal: AbortSignal | undefined): () => Promise<void> | undefined {
  let sliceStart = performance.now();
  const pause = async () => {
    await setImmediate();
    signal?.throwIfAborted();
    sliceStart = performance.now();
  };
  return () => (performance.now() - sliceStart > sliceMilliseconds ? pause() : undefined);
}

/** Does something with a file on this machine as the source of a head. Throws the errors of the file system. */
export async function withFile<T>(
  file: string,
  form: DataForm | null,
  work: (source: HeadSource) => Promise<T>,
): Promise<T> {
  const content = await openFile(file);
  try {
    return await work({ name: basename(file), content, form });
  } finally {
    await content.close();
  }
}

/** So many bytes at a time, so that it is known how many made the rows that were read. */
async function* inPieces(content: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += pieceBytes) {
    await Promise.resolve();
    yield content.subarray(at, at + pieceBytes);
  }
}
