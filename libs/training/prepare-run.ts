/** What a run needs before its steps can be made: model, data, adapter, and whether it goes on from a checkpoint. */
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { BlockStore } from '#data/block-store.js';
import { codecDigests, type InputCodec, readsImages } from '#data/input-codec.js';
import { digestsOfVersions, prepareDataset } from '#data/prepare.js';
import { listed } from '#base/quote.js';
import { LowrankError } from '#base/errors.js';
import { classesOfAdapter } from '#adapters/adapter-classes.js';
import { adapterLayout } from '#lora/adapter-layout.js';
import { type ModelFolder, openModelFolder } from '#models/model-folder.js';
import { trainedClasses } from '#models/with-classes.js';
import type { FlatLayout } from '#nn/flat-state.js';
import { ChoiceBook } from '#training/auto-options.js';
import type { ClassSources } from '#training/choose-classes.js';
import type { ChosenOptions } from '#training/chosen-options.js';
import { splitRows } from '#training/split-rows.js';
import { surveyClasses } from '#training/class-survey.js';
import { readVectors, type TrainedVectors } from '#training/checkpoint.js';
import type { SoundCheckpoint } from '#training/checkpoint-store.js';
import { engineVersion } from '#training/engine-version.js';
import type { TrainingEvent } from '#training/events.js';
import type { TrainingJob } from '#training/job.js';
import {
  learnedClasses,
  learningModel,
  learningShape,
  loraFor,
  requireAnswers,
  teachesClasses,
} from '#training/learning-model.js';
import type { OutputFolder, RunRecord } from '#training/output-folder.js';
import type { RunIdentity } from '#training/run-state.js';
import { requireSameCount, requireSameRun } from '#training/same-run.js';
import { SavedAdapter } from '#training/saved-adapter.js';
import { type InitialWork, type StartingAdapter, startingAdapter } from '#training/starting-adapter.js';
import type { RowCodec } from '#training/data-head.js';
import { readingOf } from '#training/objectives/declared/registry.js';
import { requireTrainable } from '#training/objectives/trained-head.js';
import { loadCodec } from '#training/load-codec.js';
import { planBlocks, planImages } from '#training/plan-options.js';
import { firstExample, surveyDataset } from '#training/training-data.js';

export interface PreparedRun {
  readonly base: ModelFolder;
  readonly codec: RowCodec;
  readonly adapter: StartingAdapter;
  /** The adapter as it is kept, and its layers as they are trained. */
  readonly saved: SavedAdapter;
  /** Of what is trained. */
  readonly layout: FlatLayout;
  readonly training: BlockStore;
  readonly validation: BlockStore | undefined;
  readonly book: ChoiceBook;
  readonly blockLength: number;
  readonly identity: RunIdentity;
  readonly templateDate: string;
  /** What was chosen when the run was first started. */
  readonly chosen: ChosenOptions | undefined;
  readonly record: RunRecord | undefined;
  readonly checkpoint: SoundCheckpoint | undefined;
  readonly vectors: TrainedVectors;
  /** What is taken out of the base's weights meanwhile, in one vector; of size 0 for nothing. */
  readonly frozen: Float32Array;
}

/**
 * Opens and checks everything that a job names. Nothing is written but the caches.
 *
 * Throws the errors of `openModelFolder`, `loadTokenizer`, `prepareDataset`, `startingAdapter`, `requireSameRun` and
 * `requireSameCount`,
 * OptionsError for blocks longer than the model's context, LowrankError `file_not_found` and `tokenizer_mismatch`.
 */
export async function prepareRun(
  job: TrainingJob,
  output: OutputFolder,
  { onEvent, now }: { onEvent: (event: TrainingEvent) => void; now: Date },
  signal?: AbortSignal,
): Promise<PreparedRun> {
  const { options } = job;
  requireAnswers(options);
  const warn = (code: string, message: string) => onEvent({ type: 'warning', code, message });
  const checkpoint = job.resume
    ? await output.checkpoints.newest(({ code, message }) => warn(code, `${message}; an older one is used`))
    : undefined;
  const record = job.resume ? await output.readRecord() : undefined;
  const templateDate =
    checkpoint?.state.template_date ?? record?.template_date ?? now.toISOString().slice(0, 10);

  const stored = await openModelFolder(job.baseModel, { tokenizer: 'required' });
  for (const message of stored.warnings) warn('model_warning', message);
  const inputs = await loadCodec(stored, { now: new Date(templateDate) });
  const codec = { ...inputs, reading: readingOf(options.method, stored.tree.inputs) };
  await requireFile('training_file', job.trainingFile);
  if (job.validationFile !== null && job.validationSplit !== null) {
    const message = 'validation_split: contradicts validation_file; give one of them';
    throw new LowrankError('job_invalid', message, { details: { field: 'validation_split' } });
  }
  if (job.validationFile !== null) await requireFile('validation_file', job.validationFile);
  const base = learningModel(stored, options.method, await classSources(job, stored, codec, signal));
  const { contextLength, vocabSize } = learningShape(base.tree, options.method, codec);
  const lora = job.lora && loraFor(options.method, job.lora, base);
  const adapter = await startingAdapter(base, lora, job.initAdapter, options.seed);
  requireTrainable(options.method, base.tree, adapter.plan);
  warnOfUnmatched(adapter, warn);
  for (const note of adapter.notes) warn('init_adapter', `${job.initAdapter}: ${note}`);

  const dataFolder = join(job.cacheFolder, 'data');
  const book = new ChoiceBook(options);
  const earlier = checkpoint?.state.chosen ?? record?.chosen ?? job.chosen ?? undefined;
  const isOpen = earlier === undefined && options.block_length === 'auto' && !readsImages(codec);
  const survey = isOpen
    ? await surveyDataset(job.trainingFile, job.trainingForm, codec, dataFolder, signal)
    : { median: 0, longest: 0, example: await firstExample(job.trainingFile, job.trainingForm, codec) };
  const blockLength =
    earlier?.block_length ??
    (readsImages(codec)
      ? planImages(book, options, codec.positions)
      : planBlocks(book, options, survey, contextLength));
  const split =
    job.validationSplit === null ? undefined : await splitRows(job, job.validationSplit, codec, signal);
  const isSplit = split !== undefined;
  const validationFile = isSplit ? job.trainingFile : job.validationFile;
  const preparation = (file: string, side: 'training' | 'validation') => ({
    ...codec,
    file,
    form: side === 'training' || isSplit ? job.trainingForm : job.validationForm,
    part: split?.[side],
    blockLength,
    packing: options.packing,
    classes: learnedClasses(base, options.method),
    cacheFolder: dataFolder,
    onProgress: (done: number, total: number) => onEvent({ type: 'progress', stage: 'data', done, total }),
    signal,
  });
  const prepare = async (file: string, side: 'training' | 'validation') => {
    const store = await prepareDataset(preparation(file, side));
    requireKnownTokens(store, codec, vocabSize);
    for (const { code, message } of store.report.warnings) warn(code, message);
    return store;
  };
  const training = await prepare(job.trainingFile, 'training');
  const validation = validationFile === null ? undefined : await prepare(validationFile, 'validation');

  const digests = codecDigests(codec);
  const identity: RunIdentity = {
    engine: engineVersion(),
    base: job.baseIdentity,
    training: { ...options },
    lora: { ...adapter.plan.config },
    init_adapter: adapter.digest,
    tokenizer: digests.tokenizer,
    chat_template: digests.template,
    training_file: training.digest,
    validation_file: validation?.digest ?? null,
    training_tokens: training.contentDigest,
    validation_tokens: validation?.contentDigest ?? null,
  };
  const earlierRun = checkpoint?.state ?? record;
  if (earlierRun) {
    const { folder } = checkpoint ?? output;
    const saved = { ...earlierRun.identity };
    // What an earlier version made of the same files has another name.
    for (const [field, side, file] of [
      ['training_file', 'training', job.trainingFile],
      ['validation_file', 'validation', validationFile],
    ] as const) {
      const name = saved[field];
      if (file === null || name === null || name === identity[field]) continue;
      const names = await digestsOfVersions(preparation(file, side));
      if (names.includes(name)) saved[field] = names[0]!;
    }
    requireSameRun(folder, saved, identity);
    if (checkpoint) requireSameCount(folder, checkpoint.state, training, options.seed);
  }
  onEvent({
    type: 'prepared',
    training: training.report,
    validation: validation?.report ?? null,
    block_length: blockLength,
    example: [...survey.example],
  });

  const saved = new SavedAdapter(adapter.plan);
  const layout = adapterLayout(saved.trained);
  const zeros = () => new Float32Array(layout.size);
  const kept = checkpoint && (await readVectors(checkpoint.folder, saved.modules, saved.trained));
  const { parameters, frozen } = kept
    ? saved.unpack(kept.parameters)
    : saved.start(await adapter.parameters(initialWork(onEvent, signal)));
  const vectors = { ...(kept ?? { moment1: zeros(), moment2: zeros() }), parameters };
  return {
    base,
    codec,
    adapter,
    saved,
    layout,
    training,
    validation,
    book,
    blockLength,
    identity,
    templateDate,
    chosen: earlier,
    record,
    checkpoint,
    vectors,
    frozen,
  };
}

async function classSources(
  { options, trainingFile, trainingForm: form, initAdapter }: TrainingJob,
  base: ModelFolder,
  { reading }: RowCodec,
  signal: AbortSignal | undefined,
): Promise<Pick<ClassSources, 'ofAdapter' | 'found'>> {
  if (!teachesClasses(options.method)) return { ofAdapter: undefined, found: undefined };
  return {
    ofAdapter: initAdapter === null ? undefined : await classesOfAdapter(initAdapter, trainedClasses(base)),
    found: await surveyClasses(trainingFile, { reading, form, signal }),
  };
}

function initialWork(onEvent: (event: TrainingEvent) => void, signal: AbortSignal | undefined): InitialWork {
  return {
    onLayer: (done, total) => onEvent({ type: 'progress', stage: 'adapter', done, total }),
    pause: async () => {
      await setImmediate();
      signal?.throwIfAborted();
    },
  };
}

async function requireFile(field: string, file: string): Promise<void> {
  try {
    await access(file, constants.R_OK);
  } catch (cause) {
    throw new LowrankError('file_not_found', `${field}: ${file} cannot be read; check the path`, {
      cause,
      details: { field, file },
    });
  }
}

function warnOfUnmatched({ plan }: StartingAdapter, warn: (code: string, message: string) => void): void {
  for (const [field, names] of Object.entries(plan.unmatched)) {
    if (names.length === 0) continue;
    warn('unmatched_names', `lora.${field}: ${listed(names, 10)} matches nothing in this model`);
  }
}

/** Tokenizers may know more ids than the model has rows, as long as the data do not use them. */
function requireKnownTokens(store: BlockStore, codec: InputCodec, rows: number): void {
  if (readsImages(codec)) return;
  const known = codec.tokenizer.vocabularySize;
  if (known <= rows) return;
  for (let index = 0; index < store.blockCount; index++) {
    const unexpected = store.readBlock(index).tokens.find((token) => token >= rows);
    if (unexpected === undefined) continue;
    throw new LowrankError(
      'tokenizer_mismatch',
      `the data contain token ${unexpected}, but the model has only ${rows} tokens: the tokenizer belongs to another model`,
      { details: { token: unexpected, modelTokens: rows, tokenizerTokens: known } },
    );
  }
}
