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

/** An answer as clients know it. */
export interface CompletionView<Whole, Piece> {
  whole(text: string, answer: GeneratedAnswer): Whole;
  /** Before any text; null if that needs no piece. */
  opening(): Piece | null;
  piece(text: string): Piece;
  /** After all text: why it ended and, if they were asked for, the counts. */
  closing(answer: GeneratedAnswer): Piece[];
}

interface ViewOptions {
  /** As the request names it. */
  readonly model: string;
  readonly includesUsage: boolean;
}

const idLength = 24;
const place = { index: 0, logprobs: null } as const;

function viewUsage({ prompt_tokens, completion_tokens }: GeneratedAnswer): CompletionUsage {
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

/** The assistant's turn of a chat. */
export function chatView({
  model,
  includesUsage,
}: ViewOptions): CompletionView<ChatCompletion, ChatCompletionChunk> {
  const head = { id: `chatcmpl-${randomText(idLength)}`, created: unixSeconds(new Date()), model };
  const object = 'chat.completion.chunk';
  const noUsage = includesUsage ? { usage: null } : {};
  const chunk = (
    delta: ChatCompletionChunk['choices'][number]['delta'],
    finish_reason: GeneratedAnswer['finish_reason'] | null = null,
  ): ChatCompletionChunk => ({
    ...head,
    object,
    choices: [{ ...place, delta, finish_reason }],
    ...noUsage,
  });
  return {
    whole: (text, answer) => ({
      ...head,
      object: 'chat.completion',
      choices: [
        {
          ...place,
          message: { role: 'assistant', content: text, refusal: null },
          finish_reason: answer.finish_reason,
        },
      ],
      usage: viewUsage(answer),
    }),
    opening: () => chunk({ role: 'assistant', content: '' }),
    piece: (content) => chunk({ content }),
    closing: (answer) => [
      chunk({}, answer.finish_reason),
      ...(includesUsage ? [{ ...chunk({}), choices: [], usage: viewUsage(answer) }] : []),
    ],
  };
}

/** How a text goes on. */
export function textView({
  model,
  includesUsage,
}: ViewOptions): CompletionView<TextCompletion, TextCompletion> {
  const head = {
    id: `cmpl-${randomText(idLength)}`,
    object: 'text_completion',
    created: unixSeconds(new Date()),
    model,
  } as const;
  const noUsage = includesUsage ? { usage: null } : {};
  const choice = (text: string, finish_reason: GeneratedAnswer['finish_reason'] | null) => ({
    choices: [{ ...place, text, finish_reason }],
  });
  return {
    whole: (text, answer) => ({ ...head, ...choice(text, answer.finish_reason), usage: viewUsage(answer) }),
    opening: () => null,
    piece: (text) => ({ ...head, ...choice(text, null), ...noUsage }),
    closing: (answer) => [
      { ...head, ...choice('', answer.finish_reason), ...noUsage },
      ...(includesUsage ? [{ ...head, choices: [], usage: viewUsage(answer) }] : []),
    ],
  };
}
