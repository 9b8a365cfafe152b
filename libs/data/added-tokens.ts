/** Added tokens: entries of the vocabulary that are found in the text itself, before any word is split. */
import type { Normalizer } from '#data/normalizer.js';

/** An added token with the flags of tokenizer.json. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Found only where no word character touches it. */
  readonly singleWord: boolean;
  /** Takes the white space on its left with it. */
  readonly lstrip: boolean;
  /** Takes the white space on its right with it. */
  readonly rstrip: boolean;
  /** Looked for in the normalized text, in its normalized form. */
  readonly normalized: boolean;
  readonly special: boolean;
}

/** A stretch of text: an added token where `id` is set, otherwise text to encode. Offsets are UTF-16 units. */
export interface Section {
  readonly start: number;
  readonly end: number;
  readonly id?: number;
}

interface TrieNode {
  readonly next: Map<number, TrieNode>;
  token?: AddedToken;
}

const WORD_CHARACTER = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const SPACE = /^\p{White_Space}$/u;

/** Finds added tokens: of those that start first, the longest. */
export class AddedTokenSplitter {
  private readonly root: TrieNode = { next: new Map() };

  /** Tokens are looked for as written, or as `normalizer` writes them. */
  constructor(tokens: readonly AddedToken[], normalizer?: Normalizer) {
    for (const token of tokens) {
      const content = normalizer ? normalizer(token.content) : token.content;
      let node = this.root;
      for (let i = 0; i < content.length; i++) {
        const unit = content.charCodeAt(i);
        let child = node.next.get(unit);
        if (!child) node.next.set(unit, (child = { next: new Map() }));
        node = child;
      }
      // The first of two tokens that look alike wins, as in the reference.
      if (content !== '') node.token ??= token;
    }
  }

  /** Cuts the text into sections that cover it without gaps. */
  split(text: string): Section[] {
    const sections: Section[] = [];
    let done = 0;
    for (let i = 0; i < text.length;) {
      const match = this.longestAt(text, i);
      if (!match) {
        i++;
        continue;
      }
      let start = i;
      let end = i + match.length;
      i = end;
      const { token } = match;
      if (token.singleWord && touchesWord(text, start, end)) continue;
      if (token.lstrip) {
        while (start > done && SPACE.test(text.charAt(start - 1))) start--;
        start = Math.max(start, done);
      }
      if (token.rstrip) while (SPACE.test(text.charAt(end))) end++;
      if (start > done) sections.push({ start: done, end: start });
      // Nothing is left of a token of white space that the token before it has taken.
      if (start < end) sections.push({ start, end, id: token.id });
      done = end;
    }
    if (done < text.length) sections.push({ start: done, end: text.length });
    return sections;
  }

  private longestAt(text: string, start: number): { token: AddedToken; length: number } | undefined {
    let found: { token: AddedToken; length: number } | undefined;
    let node: TrieNode | undefined = this.root;
    for (let i = start; i < text.length; i++) {
      node = node.next.get(text.charCodeAt(i));
      if (!node) break;
      if (node.token) found = { token: node.token, length: i + 1 - start };
    }
    return found;
  }
}

function touchesWord(text: string, start: number, end: number): boolean {
  const before = Array.from(text.slice(Math.max(0, start - 2), start)).at(-1);
  const after = text.codePointAt(end);
  return (
    (before !== undefined && WORD_CHARACTER.test(before)) ||
    (after !== undefined && WORD_CHARACTER.test(String.fromCodePoint(after)))
  );
}
