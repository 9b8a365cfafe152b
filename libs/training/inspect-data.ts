/** What a file of data holds, and what a model makes of it: for people, before anything is trained. */
import { stat } from 'node:fs/promises';
import { type DataForm } from '#data/data-form.js';
import { DatasetReader, type DatasetSummary } from '#data/dataset.js';
import { DuplicateCounter } from '#data/duplicates.js';
import { readsImages } from '#data/input-codec.js';
import type { DataWarning } from '#data/row-notes.js';
import type { RowKind } from '#data/rows/row.js';
import { openModelFolder } from '#models/model-folder.js';
import { ChoiceBook } from '#training/auto-options.js';
import { readHead, withFile } from '#training/data-head.js';
import { learningModel, learningShape } from '#training/learning-model.js';
import { loadCodec } from '#training/load-codec.js';
import {
  type DataMeasure,
  lengthsOf,
  measureHead,
  showExamples,
  type ShownExample,
} from '#training/measure-head.js';
import { declarations, type MethodType, readingOf } from '#training/objectives/declared/registry.js';
import { parseTrainingOptions } from '#training/options.js';
import { planBlocks, planImages } from '#training/plan-options.js';

export interface InspectedData extends DatasetSummary {
  readonly duplicates: { readonly rows: number; readonly prompts: number };
}

/** Reads all of a file. Throws DataError, and the signal's reason; `onProgress` is told bytes. */
export async function inspectData(
  file: string,
  {
    form,
    signal,
    onProgress,
  }: {
    readonly form: DataForm | null;
    readonly signal?: AbortSignal;
    readonly onProgress?: (bytesDone: number, bytesTotal: number) => void;
  },
): Promise<InspectedData> {
  const { size } = await stat(file);
  const reader = new DatasetReader(file, { form, signal });
  const counter = new DuplicateCounter();
  for await (const rows of reader.batches()) {
    for (const { row } of rows) counter.add(row);
    onProgress?.(reader.bytesRead, Math.max(size, reader.bytesRead));
  }
  const { rows, prompts } = counter;
  return { ...reader.summary(), duplicates: { rows, prompts } };
}

/** The method that learns from rows of a kind: the first of those that do. */
export function methodFor(kind: RowKind): MethodType {
  const learns = declarations.find(({ rows, imageRows }) =>
    [...rows.kinds, ...(imageRows?.kinds ?? [])].includes(kind),
  );
  return learns!.type as MethodType;
}

export interface ReadByModel {
  readonly measure: DataMeasure;
  /** The first examples; none of images. */
  readonly shown: readonly ShownExample[];
  /** What of the rows is not read or not shown. */
  readonly warnings: readonly DataWarning[];
}

/**
 * What a model would learn from a file, by its beginning as a plan looks at it. Throws DataError, OptionsError, the errors of
 * `openModelFolder` and of `loadCodec`, and the signal's reason.
 */
export async function readByModel(
  file: string,
  {
    folder,
    form,
    method: type,
    blockLength: asked,
    signal,
  }: {
    readonly folder: string;
    readonly form: DataForm | null;
    readonly method: MethodType;
    /** Left out, it is chosen as for a job. */
    readonly blockLength?: number;
    readonly signal?: AbortSignal;
  },
): Promise<ReadByModel> {
  const written = asked === undefined ? {} : { block_length: asked };
  const options = parseTrainingOptions({ method: { type }, ...written });
  const { method, packing } = options;
  const base = await openModelFolder(folder, { tokenizer: 'required' });
  const codec = { ...(await loadCodec(base)), reading: readingOf(method, base.tree.inputs) };
  const head = await withFile(file, form, (source) => readHead(source, codec, { signal }));
  const { classes: found, isPart, warnings } = head;
  const { tree } = learningModel(base, method, { ofAdapter: undefined, found, isPart });
  const book = new ChoiceBook(options);
  const { median, max: longest } = lengthsOf(head).statistics();
  const blockLength = readsImages(codec)
    ? planImages(book, options, codec.positions)
    : planBlocks(book, options, { median, longest }, learningShape(tree, method, codec).contextLength);
  const shown = readsImages(codec) ? [] : showExamples(head, codec.tokenizer, blockLength);
  return { measure: measureHead(head, { blockLength, packing }), shown, warnings };
}
