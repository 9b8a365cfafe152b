/** Answers in OpenAI's shapes: whole, and as the pieces of a stream. */
import type { GeneratedAnswer, ScoredText } from '#contracts/generator-calls.js';
import type { ToolCallObject } from '#contracts/http/answer-fields.js';
import type {
  ChatCompletion,
  ChatCompletionChunk,
  CompletionUsage,
  FinishReason,
  TextCompletion,
} from '#contracts/http/completions.js';
import { randomText } from '#platform/ids.js';
import { defaultPrecision } from '#training/base-precision/declared.js';
import { unixSeconds } from '../http/unix-seconds.js';
import { chatLogprobsOf, textLogprobsOf } from './logprobs-view.js';

/** One of the answers to a request. */
export interface WholeAnswer {
  readonly text: string;
  /** Undefined where probabilities were not asked for. */
  readonly tokens?: readonly ScoredText[];
  readonly answer: GeneratedAnswer;
}

/** More of one of the answers. */
export type AnswerText = Pick<WholeAnswer, 'text' | 'tokens'>;

/** Answers as clients know them. */
export interface CompletionView<Whole, Piece> {
  whole(answers: readonly WholeAnswer[], usage: CompletionUsage): Whole;
  /** Before any text of an answer; null if that needs no piece. */
  opening(index: number): Piece | null;
  piece(index: number, text: AnswerText): Piece;
  /** After all text of an answer: its calls, and why it ended. */
  closing(index: number, answer: GeneratedAnswer): Piece[];
  /** After all answers, if the counts were asked for. */
  counts(usage: CompletionUsage): Piece | null;
}

export interface ViewOptions {
  /** As the request names it. */
  readonly model: string;
  /** See `base_precision` of answers. */
  readonly precision: string;
  readonly includesUsage: boolean;
  /** Whether pieces are filled up to lengths that tell nothing of their text. */
  readonly isObfuscated: boolean;
  /** Whether the request asks for a tier of service. */
  readonly namesTier?: boolean;
  /** Whether an answer has one call at most. */
  readonly isOneCall?: boolean;
  /** Whether the likeliest tokens of each place were asked for. */
  readonly hasTop?: boolean;
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

function finishOf({ finish_reason: reason, tool_calls: calls }: GeneratedAnswer): FinishReason {
  return calls && calls.length > 0 ? 'tool_calls' : reason;
}

const precisionOf = ({ precision }: ViewOptions): { base_precision?: string } =>
  precision === defaultPrecision ? {} : { base_precision: precision };

/** The assistant's turn of a chat. */
export function chatView(options: ViewOptions): CompletionView<ChatCompletion, ChatCompletionChunk> {
  const { model, includesUsage, namesTier, isOneCall } = options;
  const tier = namesTier ? ({ service_tier: 'default' } as const) : {};
  const head = {
    id: `chatcmpl-${randomText(idLength)}`,
    created: unixSeconds(new Date()),
    model,
    ...precisionOf(options),
    ...tier,
  };
  const object = 'chat.completion.chunk';
  const noUsage = includesUsage ? { usage: null } : {};
  const chunk = (
    index: number,
    delta: ChatCompletionChunk['choices'][number]['delta'],
    { finish = null, tokens }: { finish?: FinishReason | null; tokens?: readonly ScoredText[] } = {},
  ): ChatCompletionChunk => ({
    ...head,
    object,
    choices: [{ index, logprobs: tokens ? chatLogprobsOf(tokens) : null, delta, finish_reason: finish }],
    ...noUsage,
  });
  const callsOf = ({ tool_calls: calls = [] }: GeneratedAnswer): ToolCallObject[] =>
    calls
      .slice(0, isOneCall ? 1 : undefined)
      .map((called) => ({ id: `call_${randomText(idLength)}`, type: 'function', function: called }));
  return {
    whole: (answers, usage) => ({
      ...head,
      object: 'chat.completion',
      choices: answers.map(({ text, tokens, answer }, index) => {
        const calls = callsOf(answer);
        const content = calls.length > 0 && text === '' ? null : text;
        return {
          index,
          logprobs: tokens ? chatLogprobsOf(tokens) : null,
          message: {
            role: 'assistant',
            content,
            refusal: null,
            ...(calls.length > 0 ? { tool_calls: calls } : {}),
          },
          finish_reason: finishOf(answer),
        };
      }),
      usage,
    }),
    opening: (index) => chunk(index, { role: 'assistant', content: '' }),
    piece: (index, { text: content, tokens }) => obfuscated(chunk(index, { content }, { tokens }), options),
    closing: (index, answer) => {
      const calls = callsOf(answer).map((call, i) => ({ ...call, index: i }));
      return [
        ...(calls.length > 0 ? [chunk(index, { tool_calls: calls })] : []),
        chunk(index, {}, { finish: finishOf(answer) }),
      ];
    },
    counts: (usage) => (includesUsage ? { ...head, object, choices: [], usage } : null),
  };
}

/** How texts go on. */
export function textView(options: ViewOptions): CompletionView<TextCompletion, TextCompletion> {
  const { model, includesUsage, hasTop = false } = options;
  const head = {
    id: `cmpl-${randomText(idLength)}`,
    object: 'text_completion',
    created: unixSeconds(new Date()),
    model,
    ...precisionOf(options),
  } as const;
  const noUsage = includesUsage ? { usage: null } : {};
  /** Where the tokens of each answer have come to. */
  const offsets = new Map<number, number>();
  const choice = (index: number, { text, tokens }: AnswerText, finish_reason: FinishReason | null) => {
    const offset = offsets.get(index) ?? 0;
    const length = tokens?.reduce((sum, token) => sum + token.text.length, 0) ?? 0;
    offsets.set(index, offset + length);
    const logprobs = tokens ? textLogprobsOf(tokens, { offset, top: hasTop }) : null;
    return { index, logprobs, text, finish_reason };
  };
  return {
    whole: (answers, usage) => ({
      ...head,
      choices: answers.map(({ answer, ...text }, index) => choice(index, text, finishOf(answer))),
      usage,
    }),
    opening: () => null,
    piece: (index, text) =>
      obfuscated({ ...head, choices: [choice(index, text, null)], ...noUsage }, options),
    closing: (index, answer) => [
      { ...head, choices: [choice(index, { text: '' }, finishOf(answer))], ...noUsage },
    ],
    counts: (usage) => (includesUsage ? { ...head, choices: [], usage } : null),
  };
}
