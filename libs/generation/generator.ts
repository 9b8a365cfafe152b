/** Text from a model: prompts in, text out, with or without an adapter. */
import type { FlatAdapter } from '#adapters/flat-factors.js';
import type { ChatMessage, ChatTemplate } from '#data/chat-template.js';
import type { Tokenizer } from '#data/tokenizer.js';
import { BlockModel, type RunnerChoice } from '#generation/block-model.js';
import { type FinishReason, generateTokens } from '#generation/generate-tokens.js';
import type { NextTokenModel } from '#generation/next-token-model.js';
import { greedy, type SamplingOptions } from '#generation/sampling.js';
import { StopStrings } from '#generation/stop-strings.js';
import { TextStream } from '#generation/text-stream.js';
import { LowrankError } from '#jit/errors.js';
import { adapterLayout } from '#lora/adapter-layout.js';
import type { ModelFolder } from '#models/model-folder.js';

export interface GeneratorOptions {
  readonly model: ModelFolder;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  /** The adapter to begin with; others of the same layout can take its place. Without one there are no LoRA layers. */
  readonly adapter?: FlatAdapter;
  readonly runner: RunnerChoice;
  /** Most tokens of prompt and answer together, if fewer than the model takes. */
  readonly maxLength?: number;
}

/** A token as it is generated, with the text that it makes certain; joined, the texts are the completion's. */
export interface TokenEvent {
  readonly token: number;
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
  /** false = answer as the base model does. */
  readonly useAdapter?: boolean;
  readonly onToken?: (event: TokenEvent) => void;
  readonly signal?: AbortSignal;
}

export interface Completion {
  /** Without special tokens, and cut before a stop string. */
  readonly text: string;
  /** Everything that was generated, a stop id and the tokens of a stop string included. */
  readonly tokens: readonly number[];
  readonly finishReason: FinishReason;
  /** Tokens of the prompt. */
  readonly promptTokens: number;
}

/** The model of `options` ready to answer. Compiling waits until the first answer needs it. */
export async function createGenerator(options: GeneratorOptions): Promise<Generator> {
  const { model, adapter, runner, maxLength } = options;
  const modules = adapter?.modules ?? [];
  const blocks = await BlockModel.create({ model, modules, runner, maxLength });
  const generator = new Generator(options, adapterLayout(modules).size, blocks, () => blocks.close());
  generator.setAdapter(adapter?.parameters);
  return generator;
}

export class Generator {
  private parameters: Float32Array | undefined;

  constructor(
    private readonly text: Pick<GeneratorOptions, 'tokenizer' | 'template'>,
    private readonly parameterCount: number,
    private readonly model: NextTokenModel,
    private readonly release: () => Promise<void>,
  ) {}

  /** Most tokens of prompt and answer together. */
  get maxLength(): number {
    return this.model.maxLength;
  }

  /**
   * Puts another adapter in use, copied from its flat vector; undefined is the base model. Answers under way go on
   * with the adapter that they began with. Throws `adapter_layout_mismatch` for a vector of another size.
   */
  setAdapter(parameters: Float32Array | undefined): void {
    if (parameters && parameters.length !== this.parameterCount) {
      throw new LowrankError(
        'adapter_layout_mismatch',
        `the adapter has ${parameters.length} numbers, but the generator was made for ${this.parameterCount}`,
        { details: { given: parameters.length, expected: this.parameterCount } },
      );
    }
    this.parameters = parameters?.slice();
  }

  /**
   * Answers a prompt: a text to go on with, or a conversation whose next turn is the assistant's.
   *
   * Greedy unless a temperature is given. Throws what `generateTokens` and the chat template throw, and
   * `stop_invalid`.
   */
  async complete(
    prompt: string | readonly ChatMessage[],
    options: CompletionOptions = {},
  ): Promise<Completion> {
    const ids = this.encode(prompt);
    const { temperature = greedy.temperature, topP = greedy.topP, seed = greedy.seed } = options;
    const stops = new StopStrings(options.stop ?? []);
    const stream = new TextStream(this.text.tokenizer, ids);
    const generated = generateTokens(this.model, ids, {
      sampling: { temperature, topP, seed },
      request: options.request ?? 0,
      maxTokens: options.maxTokens ?? Infinity,
      stopIds: options.stopIds ?? this.text.tokenizer.stopIds,
      parameters: options.useAdapter === false ? undefined : this.parameters,
      signal: options.signal,
    });
    const tokens: number[] = [];
    let text = '';
    for await (const { token, finishReason } of generated) {
      tokens.push(token);
      let piece = finishReason === 'stop' ? '' : stream.push(token);
      if (finishReason) piece += stream.flush();
      const released = stops.push(piece);
      const shown = released.text + (finishReason && !released.isStopped ? stops.flush() : '');
      text += shown;
      options.onToken?.({ token, text: shown });
      if (finishReason || released.isStopped) {
        const reason = released.isStopped ? 'stop' : finishReason!;
        return { text, tokens, finishReason: reason, promptTokens: ids.length };
      }
    }
    throw new Error('generation ended without a reason');
  }

  /** Releases what the answers were computed with. */
  close(): Promise<void> {
    return this.release();
  }

  private encode(prompt: string | readonly ChatMessage[]): number[] {
    const { tokenizer, template } = this.text;
    if (typeof prompt === 'string') {
      // Only what a tokenizer puts in front: what it puts behind a text would end it.
      return [...tokenizer.prefix, ...tokenizer.encode(prompt, { addSpecialTokens: false })];
    }
    const rendered = template.render(prompt, { addGenerationPrompt: true });
    return tokenizer.encode(rendered, { addSpecialTokens: false });
  }
}
