/** An example as text for people, with what is learned marked. */
import type { EncodedExample } from '#data/chat.js';
import { sequencesOf } from '#data/examples.js';
import type { Tokenizer } from '#data/tokenizer.js';

/** A stretch of text; `trained` says that the model is taught to write it, or to prefer it or not to. */
export interface ExamplePiece {
  readonly text: string;
  readonly trained: boolean;
  /** Name of the sequence that it belongs to, where an example has several. */
  readonly sequence?: string;
}

/**
 * The text that the tokens of an example stand for, special tokens written out, in alternating pieces. Joined, the
 * pieces are the decoded example. Where the edge falls inside a character, the character goes to the later piece.
 */
export function renderExample(example: EncodedExample, tokenizer: Tokenizer): ExamplePiece[] {
  const { sequences } = example;
  if (!sequences) return renderSequence(example, tokenizer);
  return sequencesOf(example).flatMap((tokens, i) =>
    renderSequence(tokens, tokenizer).map((piece) => ({ ...piece, sequence: sequences[i]!.name })),
  );
}

function renderSequence(
  { ids, trained }: Pick<EncodedExample, 'ids' | 'trained'>,
  tokenizer: Tokenizer,
): ExamplePiece[] {
  const whole = tokenizer.decode(ids);
  const pieces: ExamplePiece[] = [];
  let shown = 0;
  for (let start = 0; start < ids.length;) {
    const isTrained = trained[start] === 1;
    let end = start + 1;
    while (end < ids.length && (trained[end] === 1) === isTrained) end++;
    const length = end === ids.length ? whole.length : textLength(ids.slice(0, end), whole, tokenizer);
    if (length > shown) pieces.push({ text: whole.slice(shown, length), trained: isTrained });
    shown = Math.max(shown, length);
    start = end;
  }
  return pieces;
}

/** How much of the whole text some first tokens make: what they decode to, up to a character that they only begin. */
function textLength(ids: readonly number[], whole: string, tokenizer: Tokenizer): number {
  const text = tokenizer.decode(ids);
  let length = 0;
  while (length < text.length && text[length] === whole[length]) length++;
  return length;
}
