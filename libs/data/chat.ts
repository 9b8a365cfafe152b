/** Conversations as tokens, with the tokens that the assistant is to learn. */
import type { ChatTemplate } from '#data/chat-template.js';
import type { Conversation } from '#data/conversation.js';
import { findHiddenParts } from '#data/hidden-parts.js';
import type { ConversationPart } from '#data/message-parts.js';
import type { RowNote } from '#data/row-notes.js';
import type { ChatMessage } from '#data/template-messages.js';
import type { Span, Tokenizer } from '#data/tokenizer.js';
import { TurnFinder } from '#data/turns.js';

/** A message of an example: an assistant message of weight 0 is context, not something to learn. */
export interface TrainingMessage extends ChatMessage {
  readonly weight?: 0 | 1 | null;
}

/** A part of an example that is read for itself. */
export interface Sequence {
  readonly name: string;
  readonly length: number;
}

/** Tokens, and for each whether the model is trained to predict it (1) or only reads it (0). */
export interface EncodedExample {
  readonly ids: readonly number[];
  readonly trained: Uint8Array;
  /** The class of all of it, where that is what is learned. */
  readonly label?: string;
  /** [channels, height, width], of an image, which has no tokens. */
  readonly pixels?: Uint8Array;
  /** Token type of each, where some are not 0. */
  readonly types?: readonly number[];
  /** The example with at most so many tokens; without it, its end is cut off. */
  readonly shorten?: (most: number) => EncodedExample;
  /** Of an example of several sequences that do not see each other, each with its name, one after the other in `ids`. */
  readonly sequences?: readonly Sequence[];
  /** What of the row the tokens do not show. */
  readonly notes?: readonly RowNote[];
}

/**
 * Renders a conversation and encodes it without special tokens around it: a template writes those itself.
 * Trained are the assistant's turns, up to and including the token that ends the turn, so that the model learns
 * to stop. Never judged by what is padding: some models pad with the token that ends a turn.
 * Throws ChatTemplateError if the template refuses the messages.
 */
export function encodeChat(
  messages: readonly TrainingMessage[],
  tokenizer: Tokenizer,
  template: ChatTemplate,
  options: { tools?: readonly unknown[] | null } = {},
): EncodedExample {
  const { text, spans, notes } = findTrainedSpans(messages, tokenizer, template, options);
  const { ids, isInSpan } = tokenizer.encodeSpans(text, spans);
  const repeated = tokenizer.countRepeatedBeginnings(ids);
  return { ids: ids.slice(repeated), trained: isInSpan.subarray(repeated), notes };
}

/** The rendered conversation, the spans of it that the model is to learn, and what it does not show. */
export function findTrainedSpans(
  messages: readonly TrainingMessage[],
  tokenizer: Tokenizer,
  template: ChatTemplate,
  options: { tools?: readonly unknown[] | null } = {},
): { text: string; spans: Span[]; notes: RowNote[] } {
  const conversation = template.open(messages, options);
  const { text, spans: marked } = conversation.renderSpans();
  const hidden = findHiddenParts(conversation, text);
  const answers = [...messages.keys()].filter((index) => messages[index]!.role === 'assistant');
  const empty = answers.filter((index) => isEmptyTurn(messages[index]!, index, hidden));
  const trained = answers.filter((index) => messages[index]!.weight !== 0 && !empty.includes(index));
  const derive = (): Span[] => new TurnFinder(conversation, text, tokenizer).spans(trained);
  const spans = marked ? joinAdjacent(chooseMarked(marked, answers, trained, derive)) : derive();
  return {
    text,
    spans: spans.filter(({ start, end }) => !isBlank(text.slice(start, end), tokenizer)),
    notes: [
      ...hidden.map((part) => noteOf(part, conversation)),
      ...empty.map((): RowNote => ({ code: 'empty_turn', subject: 'assistant' })),
    ],
  };
}

/** Of the spans that a template marks, those of the turns to learn. */
function chooseMarked(
  marked: readonly Span[],
  answers: readonly number[],
  trained: readonly number[],
  derive: () => readonly Span[],
): Span[] {
  if (trained.length === answers.length) return [...marked];
  if (marked.length === answers.length) {
    return marked.filter((_, order) => trained.includes(answers[order]!));
  }
  // The template marks more or less than one span a turn: keep of its spans what lies in the turns to learn.
  return intersect(marked, derive());
}

function joinAdjacent(spans: readonly Span[]): Span[] {
  const joined: Span[] = [];
  for (const span of spans) {
    const last = joined.at(-1);
    if (last?.end === span.start) joined[joined.length - 1] = { start: last.start, end: span.end };
    else joined.push(span);
  }
  return joined;
}

/** Whether nothing of what a turn says is in the text: the model would learn to say nothing. */
function isEmptyTurn(message: TrainingMessage, index: number, hidden: readonly ConversationPart[]): boolean {
  const isHidden = (kind: ConversationPart['kind']): boolean =>
    hidden.some((part) => part.message === index && part.kind === kind);
  const says = typeof message.content === 'string' && message.content.trim() !== '';
  const calls = (message.tool_calls?.length ?? 0) > 0;
  return (!says || isHidden('content')) && (!calls || isHidden('tool_calls'));
}

/** Whether a text is white space and special tokens alone. */
function isBlank(text: string, tokenizer: Tokenizer): boolean {
  let rest = '';
  let place = 0;
  for (const { start, end } of tokenizer.specialTokenSpans(text)) {
    rest += text.slice(place, start);
    place = end;
  }
  return (rest + text.slice(place)).trim() === '';
}

function noteOf({ kind, field, message }: ConversationPart, { messages }: Conversation): RowNote {
  switch (kind) {
    case 'tools':
      return { code: 'hidden_tools', subject: field };
    case 'tool_calls':
      return { code: 'hidden_tool_calls', subject: field };
    case 'arguments':
      return { code: 'hidden_arguments', subject: field };
    case 'reasoning':
      return { code: 'hidden_reasoning', subject: field };
    case 'content':
      return { code: 'hidden_content', subject: String(messages[message!]!.role) };
    case 'field':
      return { code: 'hidden_field', subject: field };
    default:
      return kind satisfies never;
  }
}

function intersect(spans: readonly Span[], others: readonly Span[]): Span[] {
  return spans.flatMap((span) =>
    others
      .map((other) => ({ start: Math.max(span.start, other.start), end: Math.min(span.end, other.end) }))
      .filter(({ start, end }) => end > start),
  );
}
