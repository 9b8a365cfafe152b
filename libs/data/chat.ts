/** Conversations as tokens, with the tokens that the assistant is to learn. */
import type { ChatMessage, ChatTemplate, RenderOptions } from '#data/chat-template.js';
import type { Span, Tokenizer } from '#data/tokenizer.js';

/** A message of an example: an assistant message of weight 0 is context, not something to learn. */
export interface TrainingMessage extends ChatMessage {
  readonly weight?: 0 | 1;
}

/** Tokens, and for each whether the model is trained to predict it (1) or only reads it (0). */
export interface EncodedExample {
  readonly ids: readonly number[];
  readonly trained: Uint8Array;
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
  options: { tools?: readonly unknown[] } = {},
): EncodedExample {
  const { text, spans } = findTrainedSpans(messages, tokenizer, template, options);
  const { ids, isInSpan } = tokenizer.encodeSpans(text, spans);
  return { ids, trained: isInSpan };
}

/** The rendered conversation and the spans of it that the model is to learn. */
export function findTrainedSpans(
  weighted: readonly TrainingMessage[],
  tokenizer: Tokenizer,
  template: ChatTemplate,
  options: { tools?: readonly unknown[] } = {},
): { text: string; spans: Span[] } {
  const messages = weighted.map(withoutWeight);
  const answers = [...weighted.keys()].filter((index) => weighted[index]!.role === 'assistant');
  const trained = answers.filter((index) => weighted[index]!.weight !== 0);
  const { text, spans: marked } = template.renderSpans(messages, options);
  const derive = (): Span[] => new TurnFinder(messages, text, tokenizer, template, options).spans(trained);

  if (!template.marksGeneration(options) || !marked) return { text, spans: derive() };
  if (trained.length === answers.length) return { text, spans: marked };
  if (marked.length === answers.length) {
    return { text, spans: marked.filter((_, order) => weighted[answers[order]!]!.weight !== 0) };
  }
  // The template marks more or less than one span a turn: keep of its spans what lies in the turns to learn.
  return { text, spans: intersect(marked, derive()) };
}

function withoutWeight(message: TrainingMessage): ChatMessage {
  const { weight, ...rest } = message;
  return weight === undefined ? message : rest;
}

/** Stands for what a message says when the place where it says it is looked for. A Unicode noncharacter. */
const PROBE = '\ufdd8';

/**
 * Finds what the assistant writes in the output of a template that does not mark it, by rendering parts of the
 * conversation and comparing.
 */
class TurnFinder {
  constructor(
    private readonly messages: readonly ChatMessage[],
    private readonly text: string,
    private readonly tokenizer: Tokenizer,
    private readonly template: ChatTemplate,
    private readonly options: RenderOptions,
  ) {}

  /** One span for each of the assistant messages at these indices that the text shows. */
  spans(indices: readonly number[]): Span[] {
    return indices.flatMap((index) => {
      const span = this.span(index);
      return span && span.end > span.start ? [span] : [];
    });
  }

  private span(index: number): Span | undefined {
    const prompt = this.tryRender(this.messages.slice(0, index), true);
    const upTo =
      index === this.messages.length - 1 ? this.text : this.tryRender(this.messages.slice(0, index + 1));
    const start = prompt !== undefined && this.text.startsWith(prompt) ? prompt.length : undefined;
    // The usual template adds each turn to what stands there, so the turn is what lies between two renderings.
    if (start !== undefined && upTo !== undefined && this.text.startsWith(upTo) && upTo.length > start) {
      return this.cutAfterEndOfTurn({ start, end: upTo.length });
    }
    // Others write earlier turns anew as the conversation goes on. What the message itself says is found by changing it.
    const said = this.regionOf(this.messages, this.text, index);
    if (!said) return undefined;
    const alone = this.messages.slice(0, index + 1);
    const ending = upTo === undefined ? undefined : this.regionOf(alone, upTo, index);
    const closing = ending ? commonPrefix(upTo!.slice(ending.end), this.text.slice(said.end)) : 0;
    const opening = start ?? this.endOfPrompt(index, said.start) ?? said.start;
    return this.cutAfterEndOfTurn({ start: Math.min(opening, said.start), end: said.end + closing });
  }

  /** Where the prompt for an assistant turn ends that stands before a place, after the message before. */
  private endOfPrompt(index: number, place: number): number | undefined {
    const before = this.messages.slice(0, index);
    const [plain, prompted] = [this.tryRender(before), this.tryRender(before, true)];
    if (plain === undefined || prompted === undefined) return undefined;
    const prompt = prompted.slice(commonPrefix(plain, prompted));
    if (prompt === '' || prompt.length > place) return undefined;
    const found = this.text.lastIndexOf(prompt, place - prompt.length);
    const earliest = index === 0 ? 0 : this.regionOf(this.messages, this.text, index - 1)?.end;
    return earliest !== undefined && found >= earliest ? found + prompt.length : undefined;
  }

  /** The part of a rendering that depends on what the message at this index says. */
  private regionOf(messages: readonly ChatMessage[], text: string, index: number): Span | undefined {
    const changed = this.tryRender(
      messages.map((message, i) => (i === index ? (probe(message, true) as ChatMessage) : message)),
    );
    if (changed === undefined || changed === text) return undefined;
    const start = commonPrefix(text, changed);
    const limit = Math.min(text.length, changed.length) - start;
    let tail = 0;
    while (tail < limit && text.at(-1 - tail) === changed.at(-1 - tail)) tail++;
    return { start, end: text.length - tail };
  }

  /** White space after the token that ends a turn is the template's, not the model's. */
  private cutAfterEndOfTurn({ start, end }: Span): Span {
    const turn = this.text.slice(start, end);
    const last = this.tokenizer.endOfLastSpecialToken(turn);
    return last >= 0 && turn.slice(last).trim() === '' ? { start, end: start + last } : { start, end };
  }

  /** A template may refuse part of a conversation, one without any message for instance. */
  private tryRender(messages: readonly ChatMessage[], addGenerationPrompt = false): string | undefined {
    try {
      return this.template.render(messages, { ...this.options, addGenerationPrompt });
    } catch {
      return undefined;
    }
  }
}

/** The value with every text in it changed, but for the fields that say what kind of thing it is. */
function probe(value: unknown, isMessage = false): unknown {
  if (typeof value === 'string') return PROBE;
  if (Array.isArray(value)) return value.map((item) => probe(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => {
      if (key === 'type' || key === 'id' || (isMessage && key === 'role')) return [key, field];
      return [key, key === 'arguments' && typeof field === 'string' ? `{"${PROBE}": 0}` : probe(field)];
    }),
  );
}

function commonPrefix(a: string, b: string): number {
  const limit = Math.min(a.length, b.length);
  let length = 0;
  while (length < limit && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}

function intersect(spans: readonly Span[], others: readonly Span[]): Span[] {
  return spans.flatMap((span) =>
    others
      .map((other) => ({ start: Math.max(span.start, other.start), end: Math.min(span.end, other.end) }))
      .filter(({ start, end }) => end > start),
  );
}
