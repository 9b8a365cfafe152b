/** Which tokens may come next so that a text stays within a grammar. */
import { UnsupportedError } from '#base/errors.js';
import type { Tokenizer } from '#data/tokenizer.js';
import type { Grammar } from '#generation/grammar/grammar.js';
import { dead, GrammarMachine, type State } from '#generation/grammar/machine.js';

/** The tokens that write text, in the order of their bytes, so that those that begin alike lie together. */
export interface TokenTable {
  readonly ids: Int32Array;
  readonly texts: readonly Uint8Array[];
  /** How many bytes each has in common with the one before. */
  readonly shared: Int32Array;
}

const tables = new WeakMap<Tokenizer, TokenTable>();

/** Made once for a tokenizer. Special tokens, and those that write nothing, are not in it. */
export function tokenTable(tokenizer: Tokenizer): TokenTable {
  const known = tables.get(tokenizer);
  if (known) return known;
  const all: { id: number; text: Uint8Array }[] = [];
  for (let id = 0; id < tokenizer.vocabularySize; id++) {
    const text = tokenizer.bytesOf(id);
    if (text && text.length > 0 && !tokenizer.isSpecial(id)) all.push({ id, text });
  }
  all.sort((a, b) => Buffer.compare(a.text, b.text));
  const shared = Int32Array.from(all, ({ text }, i) => (i === 0 ? 0 : commonLength(all[i - 1]!.text, text)));
  const table = { ids: Int32Array.from(all, ({ id }) => id), texts: all.map(({ text }) => text), shared };
  tables.set(tokenizer, table);
  return table;
}

function commonLength(a: Uint8Array, b: Uint8Array): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

/** One text on its way through a grammar. */
export class TokenConstraint {
  private readonly machine: GrammarMachine;
  private readonly masks = new Map<State, Int32Array>();
  private state: State;

  constructor(
    grammar: Grammar,
    private readonly tokenizer: Tokenizer,
    private readonly stopIds: readonly number[],
  ) {
    this.machine = new GrammarMachine(grammar);
    this.state = this.machine.start;
  }

  /** Whether the text is whole and nothing may follow. */
  get isOver(): boolean {
    return this.machine.isOver(this.state);
  }

  allows(token: number): boolean {
    if (this.stopIds.includes(token)) return this.machine.isEnd(this.state);
    return this.after(token) !== dead;
  }

  /** Takes a token that `allows`; one that ends the text changes nothing. */
  take(token: number): void {
    if (!this.stopIds.includes(token)) this.state = this.after(token);
  }

  /**
   * Makes every token impossible that may not come next, in place. Throws UnsupportedError where none may: the vocabulary
   * lacks a character that must come.
   */
  mask(logits: Float32Array): void {
    const allowed = this.allowed();
    if (allowed.length === 0) {
      throw new UnsupportedError(
        "the model's vocabulary has no token with which the answer could go on in this format: ask for another",
        { param: 'response_format' },
      );
    }
    const kept = allowed.filter((token) => token < logits.length);
    const values = Float32Array.from(kept, (token) => logits[token]!);
    logits.fill(-Infinity);
    kept.forEach((token, i) => (logits[token] = values[i]!));
  }

  private after(token: number): State {
    const text = this.tokenizer.isSpecial(token) ? undefined : this.tokenizer.bytesOf(token);
    return text === undefined || text.length === 0 ? dead : this.machine.walk(this.state, text);
  }

  private allowed(): Int32Array {
    const known = this.masks.get(this.state);
    if (known) return known;
    const { machine, state, stopIds } = this;
    const { ids, texts, shared } = tokenTable(this.tokenizer);
    const found = machine.isEnd(state) ? [...stopIds] : [];
    /** States after each byte of the last token that was walked, and how far that came. */
    const path: State[] = [state];
    let alive = 0;
    for (let i = 0; i < ids.length; i++) {
      const text = texts[i]!;
      const common = shared[i]!;
      // What fell out of the grammar within the common part falls out again.
      if (common > alive) continue;
      let at = common;
      while (at < text.length) {
        const next = machine.step(path[at]!, text[at]!);
        if (next === dead) break;
        path[++at] = next;
      }
      alive = at;
      if (at === text.length) found.push(ids[i]!);
    }
    const allowed = Int32Array.from(found);
    this.masks.set(state, allowed);
    return allowed;
  }
}
