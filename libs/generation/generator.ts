/** Text from a model: prompts in, text out, with or without an adapter. */
import type { FlatAdapter } from '#adapters/flat-factors.js';
import type { LiveComposition } from '#adapters/live-composition.js';
import type { CallForm } from '#data/call-forms.js';
import type { ChatTemplate } from '#data/chat-template.js';
import type { ChatMessage } from '#data/template-messages.js';
import { findHiddenParts } from '#data/hidden-parts.js';
import type { ConversationPart } from '#data/message-parts.js';
import type { Tokenizer } from '#data/tokenizer.js';
import { BucketModel, type BucketModelOptions, type RunnerChoice } from '#generation/bucket-model.js';
import { type GeneratedToken, generateTokens } from '#generation/generate-tokens.js';
import type { Grammar } from '#generation/grammar/grammar.js';
import type { AdapterNumbers, NextTokenModel } from '#generation/next-token-model.js';
import { greedy, type SamplingOptions } from '#generation/sampling.js';
import { StopStrings } from '#generation/stop-strings.js';
import { TokenConstraint } from '#generation/token-constraint.js';
import type { ScoreChanges } from '#generation/token-scores.js';
import { TextStream } from '#generation/text-stream.js';
import { LowrankError, UnsupportedError } from '#base/errors.js';
import type { ModelFolder } from '#models/model-folder.js';

export interface GeneratorOptions {
  readonly model: ModelFolder;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  /** The adapter to begin with; others of the same layout can take its place. Without one there are no LoRA layers. */
  readonly adapter?: FlatAdapter;
  /** A composition in place of an adapter; every answer may have weights of its own. */
  readonly composition?: LiveComposition;
  readonly runner: RunnerChoice;
  /** See `BucketModelOptions`. */
  readonly weights?: BucketModelOptions['weights'];
  /** Most tokens of prompt and answer together, if fewer than the model takes. */
  readonly maxLength?: number;
}

/** A token as it is generated, with the text that it makes certain; joined, the texts are the completion's. */
export interface TokenEvent extends Pick<GeneratedToken, 'token' | 'logprob' | 'top'> {
  /** Whether it ended the answer and writes nothing. */
  readonly isEnd: boolean;
  readonly text: string;
}

export interface CompletionOptions extends Partial<SamplingOptions> {
  /** Tells apart several answers under one seed. */
  readonly request?: number;
  readonly maxTokens?: number;
  /** Texts before which the answer ends. */
  readonly stop?: readonly string[];
  /** Token ids with which the answer ends, in place of the tokenizer's. */
  readonly stopIds?: readonly number[];
  readonly scores?: ScoreChanges;
  /** What the answer must keep to. */
  readonly grammar?: Grammar;
  /** How many likeliest tokens to tell with each token; left out = tell no probabilities. */
  readonly topScores?: number;
  /** Tools as OpenAI writes them, for conversations. */
  readonly tools?: readonly unknown[];
  /** false = answer as the base model does. */
  readonly useAdapter?: boolean;
  /** Of the members of the composition, in their order, for this answer alone; default = those it was opened with. */
  readonly weights?: readonly number[];
  readonly onToken?: (event: TokenEvent) => void;
  /** Told before the first token of the parts of a conversation that the model's chat template does not show. */
  readonly onHidden?: (parts: readonly ConversationPart[]) => void;
  readonly signal?: AbortSignal;
}

export type Prompt = string | readonly number[] | readonly ChatMessage[];

export interface Completion {
  /** Without special tokens, and cut before a stop string. */
  readonly text: string;
  /** Everything that was generated, a stop id and the tokens of a stop string included. */
  readonly tokens: readonly number[];
  readonly finishReason: 'stop' | 'length';
  /** Tokens of the prompt. */
  readonly promptTokens: number;
}

/**
 * The model of `options` ready to answer. Compiling waits until the first answer needs it. Throws `adapter_ambiguous`
 * for an adapter together with a composition.
 */
export function createGenerator(options: GeneratorOptions): Generator {
  const { model, adapter, composition, runner, weights, maxLength } = options;
  if (adapter && composition) {
    throw new LowrankError('adapter_ambiguous', 'give a generator an adapter or a composition, not both');
  }
  const inUse = adapter ?? composition?.withWeights();
  const modules = inUse?.modules ?? [];
  const selector = inUse?.selector ? 'diagonal' : 'identity';
  const buckets = BucketModel.create({ model, modules, selector, runner, weights, maxLength });
  return new Generator(options, inUse, buckets, () => buckets.close());
}

export class Generator {
  private readonly parameterCount: number;

  /** `adapter` is the one to begin with. */
  constructor(
    private readonly options: Pick<GeneratorOptions, 'tokenizer' | 'template' | 'composition'>,
    private adapter: AdapterNumbers | undefined,
    private readonly model: NextTokenModel,
    private readonly release: () => Promise<void>,
  ) {
    this.parameterCount = adapter?.parameters.length ?? 0;
  }

  /** Most tokens of prompt and answer together. */
  get maxLength(): number {
    return this.model.maxLength;
  }

  /** How the model writes calls of tools; undefined where that is not known. */
  get callForm(): CallForm | undefined {
    return this.options.template.callForm;
  }

  /** The bytes that a token adds to a text; none for one outside the vocabulary. */
  bytesOf(token: number): Uint8Array {
    return this.options.tokenizer.bytesOf(token) ?? new Uint8Array();
  }

  /**
   * Puts another adapter in use by its flat vector, which is not copied and must not change; undefined is the base
   * model. Answers under way go on with the adapter that they began with. Throws `adapter_layout_mismatch` for a vector
   * of another size, and `composition_in_use` where a composition takes the adapter's place.
   */
  setAdapter(parameters: Float32Array | undefined): void {
    if (this.options.composition) {
      throw new LowrankError(
        'composition_in_use',
        'the generator was made for a composition: give each answer its weights instead of another adapter',
      );
    }
    if (parameters && parameters.length !== this.parameterCount) {
      throw new LowrankError(
        'adapter_layout_mismatch',
        `the adapter has ${parameters.length} numbers, but the generator was made for ${this.parameterCount}`,
        { details: { given: parameters.length, expected: this.parameterCount } },
      );
    }
    this.adapter = parameters && { parameters };
  }

  /**
   * Answers a prompt: a text to go on with or its token ids, or a conversation whose next turn is the assistant's. Without
   * any token ids it begins a new document.
   *
   * Greedy unless a temperature is given. Throws `calls_hidden` for tool calls that the template does not show, what `generateTokens` and the chat template throw, `stop_invalid`,
   * `weights_without_composition`, and for weights what {@link LiveComposition.withWeights} throws.
   */
  async complete(prompt: Prompt, options: CompletionOptions = {}): Promise<Completion> {
    const ids = this.encode(prompt, options);
    const { tokenizer } = this.options;
    const { temperature = greedy.temperature, topP = greedy.topP, seed = greedy.seed } = options;
    const stops = new StopStrings(options.stop ?? []);
    const stopIds = options.stopIds ?? tokenizer.stopIds;
    const stream = new TextStream(tokenizer, ids);
    const generated = generateTokens(this.model, ids, {
      sampling: { temperature, topP, seed },
      request: options.request ?? 0,
      maxTokens: options.maxTokens ?? Infinity,
      stopIds,
      adapter: this.adapterFor(options),
      signal: options.signal,
      scores: options.scores,
      constraint: options.grammar && new TokenConstraint(options.grammar, tokenizer, stopIds),
      topScores: options.topScores,
    });
    const tokens: number[] = [];
    let text = '';
    for await (const { token, finishReason, logprob, top } of generated) {
      tokens.push(token);
      let piece = finishReason === 'stop' ? '' : stream.push(token);
      if (finishReason) piece += stream.flush();
      const released = stops.push(piece);
      const shown = released.text + (finishReason && !released.isStopped ? stops.flush() : '');
      text += shown;
      options.onToken?.({ token, text: shown, isEnd: finishReason === 'stop', logprob, top });
      if (finishReason || released.isStopped) {
        const reason = released.isStopped || finishReason !== 'length' ? 'stop' : 'length';
        return { text, tokens, finishReason: reason, promptTokens: ids.length };
      }
    }
    throw new Error('generation ended without a reason');
  }

  /** Releases what the answers were computed with. */
  close(): Promise<void> {
    return this.release();
  }

  private adapterFor({ useAdapter, weights }: CompletionOptions): AdapterNumbers | undefined {
    const { composition } = this.options;
    if (weights && !composition) {
      throw new LowrankError(
        'weights_without_composition',
        'weights were given, but the generator was not made for a composition: leave them out',
      );
    }
    if (useAdapter === false) return undefined;
    return weights ? composition!.withWeights(weights) : this.adapter;
  }

  private encode(
    prompt: Prompt,
    { onHidden, tools }: Pick<CompletionOptions, 'onHidden' | 'tools'>,
  ): number[] {
    const { tokenizer, template } = this.options;
    if (typeof prompt === 'string') return tokenizer.encodePrompt(prompt);
    if (!isConversation(prompt)) return prompt.length === 0 ? newDocument(tokenizer) : [...prompt];
    if (tools && template.isDefault) throw hiddenTools();
    const conversation = template.open(prompt, { addGenerationPrompt: true, tools });
    const text = conversation.render();
    const hidden = findHiddenParts(conversation, text);
    requireCalls(hidden);
    if (hidden.some(({ kind }) => kind === 'tools')) throw hiddenTools();
    if (hidden.length > 0) onHidden?.(hidden);
    const ids = tokenizer.encode(text, { addSpecialTokens: false });
    return ids.slice(tokenizer.countRepeatedBeginnings(ids));
  }
}

function isConversation(prompt: Exclude<Prompt, string>): prompt is readonly ChatMessage[] {
  return typeof prompt[0] === 'object';
}

function hiddenTools(): UnsupportedError {
  return new UnsupportedError(
    "the model's chat template does not show tools: leave them out, or ask a model whose template knows tools",
    { param: 'tools' },
  );
}

/** A model that sees an empty turn in place of its calls makes nothing of their results. */
function requireCalls(hidden: readonly ConversationPart[]): void {
  const calls = hidden.find(({ kind }) => kind === 'tool_calls');
  if (!calls) return;
  throw new LowrankError(
    'calls_hidden',
    "the model's chat template does not show tool calls: leave them out, or ask a model whose template knows tools",
    { details: { message: calls.message } },
  );
}

/** What stands in front of a text; where that is nothing, what stands between two. */
function newDocument({ prefix, special: { bos, eos } }: Tokenizer): number[] {
  if (prefix.length > 0) return [...prefix];
  const between = bos ?? eos;
  return between ? [between.id] : [];
}
