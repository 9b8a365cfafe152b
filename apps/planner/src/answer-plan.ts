/** Plans of jobs, with what the API shows beside them. */
import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import type { DataHeads } from '#jobs/data-heads.js';
import { type KnownModel, knownModel } from '#jobs/known-models.js';
import { planJob } from '#jobs/plan.js';
import type { PlanAnswer, PlannedFile, plannerMethods } from '#jobs/planner-calls.js';
import { countWork } from '#jobs/work.js';
import { type InputCodec, readsImages } from '#data/input-codec.js';
import { textModel } from '#models/abilities.js';
import type { DataHead, RowCodec } from '#training/data-head.js';
import { readingOf } from '#training/objectives/declared/registry.js';
import { showExamples } from '#training/measure-head.js';

type Task = z.output<(typeof plannerMethods)['plan']['input']>;

/** Throws what `planJob` throws, and the signal's reason. */
export async function answerPlan(heads: DataHeads, task: Task, signal: AbortSignal): Promise<PlanAnswer> {
  const { trainingFile, validationFile, base } = task;
  const model = await knownModel(base.folder, base.identity);
  const codec = { ...(await model.codec()), reading: readingOf(task.options.method, model.base.tree.inputs) };
  const isMissing = (file: PlannedFile | null) =>
    file !== null && file.head === null && !heads.find(file.sha256, codec);
  const missing = (
    [
      ['training', trainingFile],
      ['validation', validationFile],
    ] as const
  ).flatMap(([name, file]) => (isMissing(file) ? [name] : []));
  if (missing.length > 0) return { missing };
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
    planned: {
      plan,
      shown: await shown(trainingFile),
      shownValidation: await shown(validationFile),
      earlierOperations: task.earlier.map((shape) => operationsOf(model, codec, shape)),
    },
  };
}

async function headOf(
  heads: DataHeads,
  { name, bytes, sha256, head }: PlannedFile,
  codec: RowCodec,
  signal: AbortSignal,
): Promise<DataHead> {
  const known = heads.find(sha256, codec);
  if (known) return known;
  return heads.read(sha256, { name, bytes, head: await readFile(head!) }, codec, signal);
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
