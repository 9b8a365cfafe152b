/** One prompt, answered by the model that it asks for. */
import type {
  AnswerUpdate,
  ClassifiedInputs,
  ClassifierInput,
  ClassifierTask,
  GeneratedAnswer,
  GeneratorTask,
} from '#contracts/generator-calls.js';
import { LowrankError } from '#base/errors.js';
import type { ConversationPart } from '#data/message-parts.js';
import { readDataUrl } from '#images/data-url.js';
import { naming } from '#images/naming.js';
import type { WarmModel } from './warm-model.js';
import type { WarmModels } from './warm-models.js';

export interface AnswerHooks {
  readonly signal: AbortSignal;
  readonly onUpdate: (update: AnswerUpdate) => void;
}

/** Throws the signal's reason between two tokens, and what `WarmModels.use` and `Generator.complete` throw. */
export async function answerTask(
  models: WarmModels,
  task: GeneratorTask,
  { signal, onUpdate }: AnswerHooks,
): Promise<GeneratedAnswer> {
  signal.throwIfAborted();
  const members = sorted(task.members);
  const complete = ({ generator }: WarmModel) =>
    generator.complete(task.prompt, {
      weights: weightsOf(members),
      maxTokens: task.max_tokens ?? Infinity,
      temperature: task.temperature,
      topP: task.top_p,
      seed: task.seed,
      request: task.request,
      stop: task.stop,
      signal,
      onToken: ({ text }) => {
        if (text !== '') onUpdate(text);
      },
      onHidden: (parts) => onUpdate({ hidden: parts.map(pathOf) }),
    });
  const answer = await models.use({ base: task.base, members }, signal, complete);
  return {
    finish_reason: answer.finishReason,
    prompt_tokens: answer.promptTokens,
    completion_tokens: answer.tokens.length,
  };
}

/**
 * Throws the signal's reason between two inputs, and what `WarmModels.use` throws; what the classes of an input throw has
 * its number in the details.
 */
export async function classifyTask(
  models: WarmModels,
  task: ClassifierTask,
  signal: AbortSignal,
): Promise<ClassifiedInputs> {
  const members = sorted(task.members);
  return models.use({ base: task.base, members }, signal, async (model) => {
    const labels = [...model.labels];
    const results: ClassifiedInputs['results'] = [];
    for (const [index, input] of task.inputs.entries()) {
      signal.throwIfAborted();
      results.push(await numbering(index, () => classified(model, input, weightsOf(members))));
    }
    return { labels, results };
  });
}

async function classified(
  model: WarmModel,
  input: ClassifierInput,
  weights: number[] | undefined,
): Promise<ClassifiedInputs['results'][number]> {
  if ('image' in input) {
    const { images } = model;
    const file = await naming('the image', () => readDataUrl(input.image));
    const probabilities = await images.classify(file, weights);
    return { probabilities: [...probabilities], tokens: 0 };
  }
  const { text, pair } = input;
  const { probabilities, tokens } = await model.classes.classify({ text, pair: pair ?? undefined }, weights);
  return { probabilities: [...probabilities], tokens };
}

async function numbering<T>(input: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof LowrankError)) throw cause;
    const { code, message, details } = cause;
    throw new LowrankError(code, message, { cause, details: { ...details, input } });
  }
}

type Members = GeneratorTask['members'];

/** The order in which they are listed makes no difference, so that it shall not make another model either. */
const sorted = (members: Members): Members => members.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));

const weightsOf = (members: Members): number[] | undefined =>
  members.length === 0 ? undefined : members.map(({ weight }) => weight);

/** Where a request has a part of its conversation. */
function pathOf({ message, kind, field }: ConversationPart): string {
  return message === undefined ? field : `messages.${message}.${kind === 'reasoning' ? 'reasoning' : field}`;
}
