/** One prompt, answered by the model that it asks for. */
import type {
  AnswerUpdate,
  ClassifiedInputs,
  ClassifierInput,
  ClassifierTask,
  GeneratedAnswer,
  GeneratorTask,
  ScoredText,
} from '#contracts/generator-calls.js';
import { LowrankError, UnsupportedError } from '#base/errors.js';
import type { CallForm, ToolCall } from '#data/call-forms.js';
import type { ConversationPart } from '#data/message-parts.js';
import { callGrammar, jsonGrammar } from '#generation/answer-format.js';
import type { Generator, TokenEvent } from '#generation/generator.js';
import type { Grammar } from '#generation/grammar/grammar.js';
import type { ScoreChanges, ScoredToken } from '#generation/token-scores.js';
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
  const answer = await models.use({ base: task.base, members }, signal, async ({ generator }) => {
    const told = new ToldAnswer(task, generator, onUpdate);
    const completion = await generator.complete(task.prompt, {
      weights: weightsOf(members),
      maxTokens: task.max_tokens ?? Infinity,
      temperature: task.temperature,
      topP: task.top_p,
      seed: task.seed,
      request: task.request,
      stop: task.stop,
      scores: scoresOf(task),
      grammar: grammarOf(task, generator.callForm),
      topScores: task.logprobs,
      tools: task.tools,
      signal,
      onToken: (event) => told.token(event),
      onHidden: (parts) => onUpdate({ hidden: parts.map(pathOf) }),
    });
    return { ...completion, calls: told.end(completion.text) };
  });
  return {
    finish_reason: answer.finishReason,
    prompt_tokens: answer.promptTokens,
    completion_tokens: answer.tokens.length,
    ...(answer.calls && { tool_calls: [...answer.calls] }),
  };
}

function scoresOf({
  frequency_penalty: frequencyPenalty = 0,
  presence_penalty: presencePenalty = 0,
  logit_bias: bias = {},
}: GeneratorTask): ScoreChanges | undefined {
  const entries = Object.entries(bias).map(([token, value]) => [Number(token), value] as const);
  if (frequencyPenalty === 0 && presencePenalty === 0 && entries.length === 0) return undefined;
  return { frequencyPenalty, presencePenalty, bias: new Map(entries) };
}

/** Throws UnsupportedError and `invalid_request` with the field in `details.param`. */
function grammarOf(
  { format, tools, must_call: mustCall }: GeneratorTask,
  form: CallForm | undefined,
): Grammar | undefined {
  if (tools && mustCall) {
    if (form) return callGrammar(form, tools);
    throw new UnsupportedError(
      'is not supported: it is not known how this model writes calls; give "auto", and read them from the answer\'s text',
      { param: 'tool_choice' },
    );
  }
  return format && jsonGrammar(format.schema, 'response_format.json_schema.schema');
}

/** An answer on its way to whoever asked: in pieces, or at its end where calls are to be taken out of it. */
class ToldAnswer {
  private held: ScoredText[] = [];

  constructor(
    private readonly task: GeneratorTask,
    private readonly generator: Generator,
    private readonly onUpdate: AnswerHooks['onUpdate'],
  ) {}

  token(event: TokenEvent): void {
    const { text, isEnd, token, logprob, top } = event;
    if (logprob !== undefined && !isEnd) {
      this.held.push({ ...this.scored({ token, logprob }), top: (top ?? []).map((one) => this.scored(one)) });
    }
    if (!this.task.tools) this.tell(text);
  }

  /** The calls, if the answer has any and is to be taken apart. */
  end(text: string): readonly ToolCall[] | undefined {
    const { tools } = this.task;
    if (!tools) return undefined;
    const names = new Set(tools.map(({ function: { name } }) => name));
    const found = this.generator.callForm?.read(text);
    // A call of what there is not is something that the model says.
    const calls = found?.calls.every(({ name }) => names.has(name)) ? found.calls : undefined;
    this.tell(calls ? found!.content : text);
    return calls;
  }

  private tell(text: string): void {
    if (this.held.length > 0) this.onUpdate({ text, tokens: this.held });
    else if (text !== '') this.onUpdate(text);
    this.held = [];
  }

  private scored({ token, logprob }: ScoredToken): Omit<ScoredText, 'top'> {
    const bytes = this.generator.bytesOf(token);
    // What JSON has no number for is as good as impossible.
    const sound = Number.isFinite(logprob) ? logprob : -9999;
    return { text: new TextDecoder().decode(bytes), bytes: [...bytes], logprob: sound };
  }
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
