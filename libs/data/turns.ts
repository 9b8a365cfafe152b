/** Finds the assistant's turns in the text of a template that does not mark them. */
import type { Conversation } from '#data/conversation.js';
import type { TemplateMessage } from '#data/template-messages.js';
import type { Span, Tokenizer } from '#data/tokenizer.js';

/** Stands for what a message says. Unicode noncharacters: no text has its first or last character in common. */
const changed = '\ufdd8turn\ufdd9';
const openMarker = /[<[{(][^\s>\])}]*$/;

/** Renders parts and variations of a conversation and compares them with its text. */
export class TurnFinder {
  constructor(
    private readonly conversation: Conversation,
    private readonly text: string,
    private readonly tokenizer: Tokenizer,
  ) {}

  /** A span for each of the assistant messages at these indices that the text shows, with what ends the turn. */
  spans(indices: readonly number[]): Span[] {
    return indices.flatMap((index) => {
      const span = this.span(index);
      return span && span.end > span.start ? [span] : [];
    });
  }

  private span(index: number): Span | undefined {
    const { messages } = this.conversation;
    const prompt = this.renderPrompt(messages.slice(0, index));
    const start = prompt !== undefined && this.text.startsWith(prompt) ? prompt.length : undefined;
    const isLast = index === messages.length - 1;
    const upTo = isLast ? this.text : this.conversation.tryRender(messages.slice(0, index + 1));
    // The usual template adds each turn to what stands there, so the turn is what lies between two renderings.
    if (start !== undefined && upTo !== undefined && this.text.startsWith(upTo) && upTo.length > start) {
      const turn = { start, end: upTo.length };
      return isLast && this.mayEndConversation(turn, messages[index]!)
        ? (this.lastTurn(index, start) ?? this.cutAfterToken(turn))
        : this.cutAfterToken(turn);
    }
    // Others write earlier turns anew as the conversation goes on, or end it with a token of its own.
    const said = this.regionOf(messages, this.text, index);
    if (!said) return undefined;
    const opening = Math.min(start ?? this.endOfPrompt(index, said.start) ?? said.start, said.start);
    if (isLast)
      return this.lastTurn(index, opening) ?? this.cutAfterToken({ start: opening, end: this.text.length });
    return { start: opening, end: said.end + this.closingLength(index, said, upTo) };
  }

  /** Whether more than the token that ends a turn may follow what the last message says: what ends a conversation. */
  private mayEndConversation({ start, end }: Span, message: TemplateMessage): boolean {
    const turn = this.text.slice(start, end);
    const said = typeof message.content === 'string' ? message.content.trim() : '';
    const place = said === '' ? -1 : turn.lastIndexOf(said);
    if (place >= 0) return /\S\s+\S/.test(turn.slice(place + said.length));
    const [last, before] = this.tokenizer.specialTokenSpans(turn).toReversed();
    return last !== undefined && before !== undefined && turn.slice(before.end, last.start).trim() === '';
  }

  /** The last turn, with what would end it too if the conversation went on; undefined if that ends in another way. */
  private lastTurn(index: number, start: number): Span | undefined {
    const { messages } = this.conversation;
    const said = this.regionOf(messages, this.text, index);
    if (!said) return undefined;
    for (const role of ['user', 'tool']) {
      const longer = [...messages, { role, content: changed }];
      const text = this.conversation.tryRender(longer);
      const region = text === undefined ? undefined : this.regionOf(longer, text, index);
      if (!region) continue;
      const closing = this.sharedClosing(said.end, text!.slice(region.end));
      return closing > 0 ? { start, end: said.end + closing } : undefined;
    }
    return undefined;
  }

  /** The length of what ends a turn that others follow. */
  private closingLength(index: number, said: Span, upTo: string | undefined): number {
    const { messages } = this.conversation;
    if (upTo !== undefined) {
      const alone = this.regionOf(messages.slice(0, index + 1), upTo, index);
      return alone ? this.sharedClosing(said.end, upTo.slice(alone.end)) : 0;
    }
    // A template may refuse a conversation without a user, or of this length: the turn ends as an answer to a user does.
    const pair = [{ role: 'user', content: changed }, messages[index]!];
    const text = this.conversation.tryRender(pair);
    const region = text === undefined ? undefined : this.regionOf(pair, text, 1);
    return region ? this.sharedClosing(said.end, text!.slice(region.end)) : 0;
  }

  /**
   * How much of what follows a place also follows the same turn in another rendering, without the beginning of
   * what comes after the turn: `<|im_end|>\n<|` of `<|im_end|>\n<|im_start|>` and `<|im_end|>\n<|endoftext|>` is cut
   * to `<|im_end|>`.
   */
  private sharedClosing(place: number, other: string): number {
    const tail = this.text.slice(place);
    const shared = commonPrefix(tail, other);
    const token = this.tokenizer.specialTokenSpans(tail).findLast(({ end }) => end <= shared);
    if (token) return token.end;
    const closing = tail.slice(0, shared);
    if (shared === other.length) return shared;
    // Without tokens to go by: whole words, else whole markers.
    const words = closing.replace(/\S*$/, '').trimEnd();
    return words === '' ? closing.replace(openMarker, '').length : words.length;
  }

  /** Where the prompt for an assistant turn ends that stands before a place, after the message before. */
  private endOfPrompt(index: number, place: number): number | undefined {
    const { messages } = this.conversation;
    const before = messages.slice(0, index);
    const [plain, prompted] = [this.conversation.tryRender(before), this.renderPrompt(before)];
    if (plain === undefined || prompted === undefined) return undefined;
    const prompt = prompted.slice(commonPrefix(plain, prompted));
    if (prompt === '' || prompt.length > place) return undefined;
    const found = this.text.lastIndexOf(prompt, place - prompt.length);
    const earliest = index === 0 ? 0 : this.regionOf(messages, this.text, index - 1)?.end;
    return earliest !== undefined && found >= earliest ? found + prompt.length : undefined;
  }

  /** The part of a rendering that depends on what the message at this index says. */
  private regionOf(messages: readonly TemplateMessage[], text: string, index: number): Span | undefined {
    const other = this.conversation.tryRender(
      messages.map((message, i) => (i === index ? (changeTexts(message, true) as TemplateMessage) : message)),
    );
    if (other === undefined || other === text) return undefined;
    const start = commonPrefix(text, other);
    const limit = Math.min(text.length, other.length) - start;
    let tail = 0;
    while (
      tail < limit &&
      text.charCodeAt(text.length - 1 - tail) === other.charCodeAt(other.length - 1 - tail)
    ) {
      tail++;
    }
    return { start, end: text.length - tail };
  }

  /** White space after the token that ends a turn is the template's, not the model's. */
  private cutAfterToken({ start, end }: Span): Span {
    const turn = this.text.slice(start, end);
    const last = this.tokenizer.specialTokenSpans(turn).at(-1);
    return last && turn.slice(last.end).trim() === '' ? { start, end: start + last.end } : { start, end };
  }

  private renderPrompt(messages: readonly TemplateMessage[]): string | undefined {
    return this.conversation.tryRender(messages, { add_generation_prompt: true });
  }
}

/** A message with every text in it changed, but for the fields that say what kind of thing it is. */
function changeTexts(value: unknown, isMessage = false): unknown {
  if (typeof value === 'string') return changed;
  if (Array.isArray(value)) return value.map((item) => changeTexts(item));
  if (value instanceof Map)
    return new Map([...value].map(([key, item]) => [key as unknown, changeTexts(item)]));
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => {
      if (key === 'type' || key === 'id' || (isMessage && key === 'role')) return [key, field];
      const isCallText = key === 'arguments' && typeof field === 'string';
      return [key, isCallText ? JSON.stringify({ [changed]: 0 }) : changeTexts(field)];
    }),
  );
}

function commonPrefix(a: string, b: string): number {
  const limit = Math.min(a.length, b.length);
  let length = 0;
  while (length < limit && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}
