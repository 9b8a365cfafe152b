/** One prompt, answered by the model that it asks for. */
import type {
  AnswerUpdate,
  ClassifiedTexts,
  ClassifierTask,
  GeneratedAnswer,
  GeneratorTask,
} from '#contracts/generator-calls.js';
import type { ConversationPart } from '#data/message-parts.js';
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

/** Throws the signal's reason between two texts, and what `WarmModels.use` and `ClassModel.classify` throw. */
export async function classifyTask(
  models: WarmModels,
  task: ClassifierTask,
  signal: AbortSignal,
): Promise<ClassifiedTexts> {
  const members = sorted(task.members);
  return models.use({ base: task.base, members }, signal, async ({ classes }) => {
    const results: ClassifiedTexts['results'] = [];
    for (const { text, pair } of task.inputs) {
      signal.throwIfAborted();
      const { probabilities, tokens } = await classes.classify(
        { text, pair: pair ?? undefined },
        weightsOf(members),
      );
      results.push({ probabilities: [...probabilities], tokens });
    }
    return { labels: [...classes.labels], results };
  });
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
