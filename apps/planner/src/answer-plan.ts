/** Plans of jobs, with what the API shows beside them. */
import type { z } from 'zod';
import type { DataHeads } from '#jobs/data-heads.js';
import { type KnownModel, knownModel } from '#jobs/known-models.js';
import { planJob } from '#jobs/plan.js';
import type { MissingBytes, PlanAnswer, Planned, PlannedFile, plannerMethods } from '#jobs/planner-calls.js';
import { countWork } from '#training/speed/count-work.js';
import { partialFile, SpanMissing } from '#data/formats/random-access.js';
import { type InputCodec, readsImages } from '#data/input-codec.js';
import { textModel } from '#models/abilities.js';
import { type DataHead, headBytes, type RowCodec } from '#training/data-head.js';
import { readingOf } from '#training/objectives/declared/registry.js';
import { showExamples } from '#training/measure-head.js';

type Task = z.output<(typeof plannerMethods)['plan']['input']>;

/** Throws what `planJob` throws, and the signal's reason. */
export async function answerPlan(heads: DataHeads, task: Task, signal: AbortSignal): Promise<PlanAnswer> {
  const { trainingFile, validationFile, base } = task;
  const model = await knownModel(base.folder, base.identity);
  const codec = { ...(await model.codec()), reading: readingOf(task.options.method, model.base.tree.inputs) };
  const isMissing = (file: PlannedFile | null) =>
    file !== null && file.content === null && !heads.find(file.sha256, file.form, codec);
  const files = { training: trainingFile, validation: validationFile };
  const missing = (['training', 'validation'] as const).flatMap((file): MissingBytes[] =>
    isMissing(files[file]) ? [{ file, start: 0, length: headBytes }] : [],
  );
  if (missing.length > 0) return { missing };
  try {
    return { planned: await plannedOf(heads, task, model, codec, signal) };
  } catch (error) {
    if (!(error instanceof SpanMissing)) throw error;
    const { path, start, length } = error;
    const file = trainingFile.content?.path === path ? 'training' : 'validation';
    return { missing: [{ file, start, length }] };
  }
}

async function plannedOf(
  heads: DataHeads,
  task: Task,
  model: KnownModel,
  codec: RowCodec,
  signal: AbortSignal,
): Promise<Planned> {
  const { trainingFile, validationFile } = task;
  const head = (file: PlannedFile) => () => headOf(heads, file, codec, signal);
  const plan = await planJob(task, {
    training: head(trainingFile),
    validation: validationFile && head(validationFile),
  });
  const shown = async (file: PlannedFile | null) =>
    file && task.examples && !readsImages(codec)
      ? showExamples(await head(file)(), codec.tokenizer, plan.data!.training.blockLength)
      : [];
  return {
    plan,
    shown: await shown(trainingFile),
    shownValidation: await shown(validationFile),
    earlierOperations: task.earlier.map((shape) => operationsOf(model, codec, shape)),
  };
}

async function headOf(
  heads: DataHeads,
  { name, bytes, sha256, form, content }: PlannedFile,
  codec: RowCodec,
  signal: AbortSignal,
): Promise<DataHead> {
  const known = heads.find(sha256, form, codec);
  if (known) return known;
  const { path, spans } = content!;
  const part = partialFile(path, bytes, spans);
  try {
    return await heads.read(sha256, { name, content: part, form }, codec, signal);
  } finally {
    await part.close();
  }
}

function operationsOf(
  { base: { tree } }: KnownModel,
  codec: InputCodec,
  shape: Task['earlier'][number],
): number {
  const { parameterCount, config } = tree;
  const { hiddenSize, tieWordEmbeddings } = config;
  if (readsImages(codec)) {
    const none = { attentions: [], vocabSize: 0, tieWordEmbeddings: true };
    return countWork({ ...shape, ...none, hiddenSize, parameterCount }).step;
  }
  const { attentions, config: text } = textModel(tree, 'a job');
  const { vocabSize } = text;
  return countWork({ ...shape, hiddenSize, tieWordEmbeddings, vocabSize, attentions, parameterCount }).step;
}
