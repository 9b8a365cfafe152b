/** Finds the assistant's turns in the text of a template that does not mark them. */
import type { Conversation } from '#data/conversation.js';
import type { TemplateMessage } from '#data/template-messages.js';
import type { Span, Tokenizer } from '#data/tokenizer.js';

/** Stands for what a message says. Unicode noncharacters: no text has its first or last character in common. */
const changed = '\ufdd8turn\ufdd9';
const openMarker = /[<[{(][^\s>\])}]*$/;

/** Renders parts and variations of a conversation and compares them with its text. */
export class TurnFinder {
  private openers: ReadonlySet<string> | undefined;

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
    const start = this.startOf(index);
    const isLast = index === messages.length - 1;
    const upTo = isLast ? this.text : this.conversation.tryRender(messages.slice(0, index + 1));
    // The usual template adds each turn to what stands there, so the turn is what lies between two renderings.
    const isAdded = start !== undefined && upTo !== undefined && this.text.startsWith(upTo);
    const added = isAdded && upTo.length > start ? { start, end: upTo.length } : undefined;
    if (added && !this.mayHoldMore(added, messages[index]!)) return this.cutAfterToken(added);
    // Others write earlier turns anew as the conversation goes on, end it with a token of its own, or with a prompt.
    const said = this.regionOf(messages, this.text, index);
    if (!said) return added && this.cutAfterToken(added);
    const opening = Math.min(start ?? this.endOfPrompt(index, said.start) ?? said.start, said.start);
    if (isLast)
      return { start: opening, end: said.end + this.lastClosing(index, { start: opening, end: said.end }) };
    return { start: opening, end: said.end + this.closingLength(index, said, upTo) };
  }

  /** Where the prompt for a turn ends; undefined where the prompt alone is rendered in another way. */
  private startOf(index: number): number | undefined {
    const { messages } = this.conversation;
    const prompt = this.renderPrompt(messages.slice(0, index));
    if (prompt === undefined || !this.text.startsWith(prompt)) return undefined;
    const [before, said] = [messages[index - 1], messages[index]!].map((message) =>
      typeof message?.content === 'string' ? message.content.trim() : '',
    ) as [string, string];
    // A template may leave out what nobody has answered yet, so that it would seem to belong to the answer.
    const place = before === '' ? -1 : this.text.indexOf(before, prompt.length);
    const isLeftOut =
      place >= 0 && !prompt.includes(before) && place < this.text.indexOf(said, prompt.length);
    return isLeftOut ? undefined : prompt.length;
  }

  /** Whether more than the token that ends a turn may follow what it says: what ends a conversation, or a prompt. */
  private mayHoldMore({ start, end }: Span, message: TemplateMessage): boolean {
    const turn = this.text.slice(start, end);
    const said = typeof message.content === 'string' ? message.content.trim() : '';
    const place = said === '' ? -1 : turn.lastIndexOf(said);
    if (place < 0) {
      const [last, before] = this.tokenizer.specialTokenSpans(turn).toReversed();
      return last !== undefined && before !== undefined && turn.slice(before.end, last.start).trim() === '';
    }
    const tail = turn.slice(place + said.length);
    if (this.isPrompt(tail, start)) return true;
    const tokens = this.tokenizer.specialTokenSpans(tail);
    return tokens.length > 0 ? tokens.length > 1 || !this.areTokens(tail) : /\S\s+\S/.test(tail);
  }

  /** Whether a text is what stands before a turn: some templates end with the prompt for the next one, asked or not. */
  private isPrompt(tail: string, start: number): boolean {
    return tail.trim() !== '' && this.text.slice(0, start).trimEnd().endsWith(tail.trim());
  }

  /** The length of what ends the last turn: what would end it too if the conversation went on, else all that follows. */
  private lastClosing(index: number, turn: Span): number {
    const { messages } = this.conversation;
    for (const role of ['user', 'tool']) {
      const longer = [...messages, { role, content: changed }];
      const text = this.conversation.tryRender(longer);
      const region = text === undefined ? undefined : this.regionOf(longer, text, index);
      if (!region) continue;
      const closing = this.sharedClosing(turn.end, text!.slice(region.end));
      if (closing > 0) return closing;
      break;
    }
    if (this.isPrompt(this.text.slice(turn.end), turn.start)) return 0;
    return this.cutAfterToken({ start: turn.start, end: this.text.length }).end - turn.end;
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
    const tokens = this.tokenizer.specialTokenSpans(tail);
    const openers = (this.openers ??= this.findOpeners());
    const opener = tokens.find(({ start, end }) => openers.has(tail.slice(start, end).trim()));
    const limit = Math.min(shared, opener?.start ?? shared);
    const token = tokens.findLast(({ end }) => end <= limit);
    if (token) return token.end;
    // Each of them may have a token of its own: what stands before the token that begins a turn.
    const last = opener && tokens.findLast(({ end }) => end <= opener.start);
    if (last && tail.slice(last.end, opener.start).trim() === '' && this.areTokens(tail.slice(0, last.end))) {
      return last.end;
    }
    if (limit === other.length) return limit;
    // Without tokens to go by: whole words, else whole markers.
    const closing = tail.slice(0, limit);
    const words = closing.replace(/\S*$/, '').trimEnd();
    return words === '' ? closing.replace(openMarker, '').length : words.length;
  }

  /** Whether a text is special tokens alone. */
  private areTokens(text: string): boolean {
    let place = 0;
    for (const { start, end } of this.tokenizer.specialTokenSpans(text)) {
      if (text.slice(place, start).trim() !== '') return false;
      place = end;
    }
    return text.slice(place).trim() === '';
  }

  /** The token that begins the text and the one that begins its first turn, so that neither ends a turn. */
  private findOpeners(): ReadonlySet<string> {
    const openers = new Set<string>();
    let place = 0;
    for (const { start, end } of this.tokenizer.specialTokenSpans(this.text)) {
      const token = this.text.slice(start, end).trim();
      if (this.text.slice(place, start).trim() !== '' || this.tokenizer.isStop(token)) break;
      openers.add(token);
      if (token !== this.tokenizer.special.bos?.text) break;
      place = end;
    }
    return openers;
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
