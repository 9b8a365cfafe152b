/** A row of a data set as tokens, with the tokens to learn. */
import { encodeChat, type EncodedExample } from '#data/chat.js';
import type { ChatTemplate } from '#data/chat-template.js';
import type { Row } from '#data/rows.js';
import type { Tokenizer } from '#data/tokenizer.js';

/**
 * Encodes a row.
 *
 * - chat: rendered by the template, the assistant's turns are learned (see encodeChat);
 * - completion: prompt and completion as one text, the completion is learned, with the end-of-text token after it;
 * - text: all is learned, with the end-of-text token after it.
 *
 * The last two begin with the ids that the tokenizer puts in front of a text. A token that reaches from the prompt
 * into the completion is learned. The end-of-text token is not added where the text ends with it already, nor where
 * the tokenizer has none. Throws ChatTemplateError if the template refuses the messages.
 */
export function encodeRow(row: Row, tokenizer: Tokenizer, template: ChatTemplate): EncodedExample {
  switch (row.kind) {
    case 'chat':
      return encodeChat(row.messages, tokenizer, template, { tools: row.tools });
    case 'completion': {
      const text = row.prompt + row.completion;
      return frame(tokenizer, text, row.prompt.length);
    }
    case 'text':
      return frame(tokenizer, row.text, 0);
    default:
      return row satisfies never;
  }
}

function frame(tokenizer: Tokenizer, text: string, learnedFrom: number): EncodedExample {
  const { ids: inner, isInSpan } = tokenizer.encodeSpans(text, [{ start: learnedFrom, end: text.length }]);
  const { prefix } = tokenizer;
  const eos = tokenizer.special.eos;
  const ending = eos && inner.at(-1) !== eos.id ? [eos.id] : [];
  const ids = [...prefix];
  for (const id of inner) ids.push(id);
  ids.push(...ending);
  const trained = new Uint8Array(ids.length);
  trained.set(isInSpan, prefix.length);
  trained.fill(1, prefix.length + inner.length);
  return { ids, trained };
}

/** Whether an example has a token to learn: the first token of a text is never predicted. */
export function hasTarget({ trained }: EncodedExample): boolean {
  return trained.includes(1, 1);
}
