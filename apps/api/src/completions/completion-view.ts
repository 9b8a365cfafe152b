/** Answers in OpenAI's shapes: whole, and as the pieces of a stream. */
import type { GeneratedAnswer } from '#contracts/generator-calls.js';
import type {
  ChatCompletion,
  ChatCompletionChunk,
  CompletionUsage,
  TextCompletion,
} from '#contracts/http/completions.js';
import { randomText } from '#platform/ids.js';
import { unixSeconds } from '../http/unix-seconds.js';

/** One of the answers to a request. */
export interface WholeAnswer {
  readonly text: string;
  readonly finishReason: GeneratedAnswer['finish_reason'];
}

/** Answers as clients know them. */
export interface CompletionView<Whole, Piece> {
  whole(answers: readonly WholeAnswer[], usage: CompletionUsage): Whole;
  /** Before any text of an answer; null if that needs no piece. */
  opening(index: number): Piece | null;
  piece(index: number, text: string): Piece;
  /** After all text of an answer: why it ended. */
  closing(index: number, finishReason: WholeAnswer['finishReason']): Piece;
  /** After all answers, if the counts were asked for. */
  counts(usage: CompletionUsage): Piece | null;
}

export interface ViewOptions {
  /** As the request names it. */
  readonly model: string;
  readonly includesUsage: boolean;
  /** Whether pieces are filled up to lengths that tell nothing of their text. */
  readonly isObfuscated: boolean;
  /** Whether the request asks for a tier of service. */
  readonly namesTier?: boolean;
}

const idLength = 24;
/** Pieces are filled up to a multiple of it. */
const paddedLength = 64;

/** A piece with as many random characters as fill it up. */
function obfuscated<Piece extends object>(
  piece: Piece,
  { isObfuscated }: ViewOptions,
): Piece & { obfuscation?: string } {
  if (!isObfuscated) return piece;
  const { length } = JSON.stringify({ ...piece, obfuscation: '' });
  return { ...piece, obfuscation: randomText((paddedLength - (length % paddedLength)) % paddedLength) };
}

/** The assistant's turn of a chat. */
export function chatView(options: ViewOptions): CompletionView<ChatCompletion, ChatCompletionChunk> {
  const { model, includesUsage, namesTier } = options;
  const tier = namesTier ? ({ service_tier: 'default' } as const) : {};
  const head = { id: `chatcmpl-${randomText(idLength)}`, created: unixSeconds(new Date()), model, ...tier };
  const object = 'chat.completion.chunk';
  const noUsage = includesUsage ? { usage: null } : {};
  const chunk = (
    index: number,
    delta: ChatCompletionChunk['choices'][number]['delta'],
    finish_reason: WholeAnswer['finishReason'] | null = null,
  ): ChatCompletionChunk => ({
    ...head,
    object,
    choices: [{ index, logprobs: null, delta, finish_reason }],
    ...noUsage,
  });
  return {
    whole: (answers, usage) => ({
      ...head,
      object: 'chat.completion',
      choices: answers.map(({ text, finishReason }, index) => ({
        index,
        logprobs: null,
        message: { role: 'assistant', content: text, refusal: null },
        finish_reason: finishReason,
      })),
      usage,
    }),
    opening: (index) => chunk(index, { role: 'assistant', content: '' }),
    piece: (index, content) => obfuscated(chunk(index, { content }), options),
    closing: (index, finishReason) => chunk(index, {}, finishReason),
    counts: (usage) => (includesUsage ? { ...head, object, choices: [], usage } : null),
  };
}

/** How texts go on. */
export function textView(options: ViewOptions): CompletionView<TextCompletion, TextCompletion> {
  const { model, includesUsage } = options;
  const head = {
    id: `cmpl-${randomText(idLength)}`,
    object: 'text_completion',
    created: unixSeconds(new Date()),
    model,
  } as const;
  const noUsage = includesUsage ? { usage: null } : {};
  const choice = (index: number, text: string, finish_reason: WholeAnswer['finishReason'] | null) => ({
    index,
    logprobs: null,
    text,
    finish_reason,
  });
  return {
    whole: (answers, usage) => ({
      ...head,
      choices: answers.map(({ text, finishReason }, index) => choice(index, text, finishReason)),
      usage,
    }),
    opening: () => null,
    piece: (index, text) =>
      obfuscated({ ...head, choices: [choice(index, text, null)], ...noUsage }, options),
    closing: (index, finishReason) => ({ ...head, choices: [choice(index, '', finishReason)], ...noUsage }),
    counts: (usage) => (includesUsage ? { ...head, choices: [], usage } : null),
  };
}
