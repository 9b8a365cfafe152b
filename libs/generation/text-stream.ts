/** Token ids to text one by one: characters whose bytes lie in several tokens come out whole. */
import type { Tokenizer } from '#data/tokenizer.js';

/** Tokens of the prompt that decoders may need to see in front of the first new one. */
const contextTokens = 5;
const replacementCharacter = '\ufffd';

export class TextStream {
  private readonly ids: number[];
  /** What the next text is told from: ids from `context` on are decoded, those before `shown` have been shown. */
  private context = 0;
  private shown: number;

  constructor(
    private readonly tokenizer: Pick<Tokenizer, 'decode'>,
    prompt: readonly number[],
  ) {
    this.ids = prompt.slice(-contextTokens);
    this.shown = this.ids.length;
  }

  /** The text that is certain after one more token; empty while a character is incomplete. */
  push(id: number): string {
    this.ids.push(id);
    const text = this.unshown();
    if (text === '' || text.endsWith(replacementCharacter)) return '';
    this.context = this.shown;
    this.shown = this.ids.length;
    return text;
  }

  /** The text of the tokens held back, with a replacement character for bytes that are no character. */
  flush(): string {
    const text = this.unshown();
    this.shown = this.ids.length;
    return text;
  }

  private unshown(): string {
    const before = this.decode(this.context, this.shown);
    const after = this.decode(this.context);
    if (after.startsWith(before)) return after.slice(before.length);
    // A broken character can change how the bytes before it decode (byte fallback): they have been shown already.
    return this.decode(this.shown);
  }

  private decode(from: number, to?: number): string {
    return this.tokenizer.decode(this.ids.slice(from, to), { skipSpecialTokens: true });
  }
}
