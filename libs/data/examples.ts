/** A row of a data set as tokens, with the tokens to learn. */
import { encodeChat, type EncodedExample } from '#data/chat.js';
import type { ChatTemplate } from '#data/chat-template.js';
import { encodeImageRow } from '#data/image-examples.js';
import { type InputCodec, readsImages } from '#data/input-codec.js';
import type { ProblemCollector } from '#data/data-error.js';
import { ChatTemplateError } from '#data/jinja.js';
import { explainNothingToLearn } from '#data/row-notes.js';
import type { LabelledRow, NumberedRow, Row, TextualRow } from '#data/rows/row.js';
import type { Tokenizer } from '#data/tokenizer.js';

/**
 * Encodes a row.
 *
 * - chat: rendered by the template, the assistant's turns are learned (see encodeChat);
 * - completion: prompt and completion as one text, the completion is learned, with the end-of-text token after it;
 * - text: all is learned, with the end-of-text token after it;
 * - preference: both answers with their prompt, as two sequences;
 * - labelled: one text or a pair, with what the tokenizer puts around them; the class is learned.
 *
 * Completions and texts begin with the ids that the tokenizer puts in front of a text, unless the text brings them itself. A token that reaches from the prompt
 * into the completion is learned. The end-of-text token is not added where the text ends with it already, nor where
 * the tokenizer has none. Throws ChatTemplateError if the template refuses the messages.
 */
export function encodeRow(row: TextualRow, tokenizer: Tokenizer, template: ChatTemplate): EncodedExample {
  switch (row.kind) {
    case 'chat':
      return encodeChat(row.messages, tokenizer, template, { tools: row.tools });
    case 'completion': {
      const text = row.prompt + row.completion;
      return frame(tokenizer, text, row.prompt.length);
    }
    case 'text':
      return frame(tokenizer, row.text, 0);
    case 'preference': {
      const chosen = encodeRow(row.chosen, tokenizer, template);
      const rejected = encodeRow(row.rejected, tokenizer, template);
      return {
        ids: [...chosen.ids, ...rejected.ids],
        trained: Uint8Array.from([...chosen.trained, ...rejected.trained]),
        sequences: [
          { name: 'chosen', length: chosen.ids.length },
          { name: 'rejected', length: rejected.ids.length },
        ],
        notes: [...(chosen.notes ?? []), ...(rejected.notes ?? [])],
      };
    }
    case 'labelled':
      return encodeLabelled(row, tokenizer);
    default:
      return row satisfies never;
  }
}

function encodeLabelled({ text, pair, label }: LabelledRow, tokenizer: Tokenizer): EncodedExample {
  const encode = (most?: number): EncodedExample => {
    const { ids, types } = tokenizer.encodeFramed(text, pair, most);
    const hasTypes = types.some((type) => type !== 0);
    return { ids, trained: new Uint8Array(ids.length), label, ...(hasTypes ? { types } : {}) };
  };
  return { ...encode(), shorten: encode };
}

function frame(tokenizer: Tokenizer, text: string, learnedFrom: number): EncodedExample {
  const { ids: inner, isInSpan } = tokenizer.encodeSpans(text, [{ start: learnedFrom, end: text.length }]);
  const prefix = tokenizer.beginsWithPrefix(inner) ? [] : tokenizer.prefix;
  // However it comes there, the beginning is given, not learned.
  const eos = tokenizer.special.eos;
  const ending = eos && inner.at(-1) !== eos.id ? [eos.id] : [];
  const ids = [...prefix];
  for (const id of inner) ids.push(id);
  ids.push(...ending);
  const trained = new Uint8Array(ids.length);
  trained.set(isInSpan, prefix.length);
  trained.fill(1, prefix.length + inner.length);
  trained.fill(0, 0, tokenizer.prefix.length);
  if (ids[0] === tokenizer.special.bos?.id) trained[0] = 0;
  return { ids, trained };
}

/**
 * Encodes a row of a data set; undefined where a problem was added, because the template refuses the row, the image cannot
 * be read, or nothing of it is left to learn. Texts are there at once.
 */
export function encodeNumberedRow(
  { row, line }: NumberedRow,
  codec: InputCodec,
  problems: ProblemCollector,
): EncodedExample | undefined | Promise<EncodedExample | undefined> {
  const isImage = row.kind === 'image';
  if (isImage && readsImages(codec)) return encodeImageRow(row, line, codec, problems);
  if (isImage || readsImages(codec)) {
    const [has, reads] = isImage ? ['an image', 'texts'] : ['a text', 'images'];
    problems.add(line, '', 'other_input', `the row has ${has}, and the model reads ${reads}.`);
    return undefined;
  }
  const { tokenizer, template } = codec;
  try {
    const example = encodeRow(row, tokenizer, template);
    if (hasTarget(example)) return example;
    problems.add(line, '', 'nothing_to_learn', explainNothingToLearn(example.notes));
  } catch (error) {
    if (!(error instanceof ChatTemplateError)) throw error;
    problems.add(
      line,
      row.kind === 'chat' ? 'messages' : '',
      error.code,
      `the model's chat template says: ${error.reason}`,
    );
  }
  return undefined;
}

/** Whether the chat template renders a row. */
export function isRendered(row: Row): boolean {
  return row.kind === 'preference' ? isRendered(row.chosen) : row.kind === 'chat';
}

/**
 * Whether an example has a class, or a token to learn in each of its sequences: the first token of one is never predicted.
 */
export function hasTarget(example: EncodedExample): boolean {
  if (example.label !== undefined) return example.ids.length > 0;
  return sequencesOf(example).every(({ trained }) => trained.includes(1, 1));
}

/** The sequences of an example, each for itself. */
export function sequencesOf(example: EncodedExample): EncodedExample[] {
  const { ids, trained, sequences } = example;
  if (!sequences) return [example];
  let start = 0;
  return sequences.map(({ length }) => {
    const end = start + length;
    const own = { ids: ids.slice(start, end), trained: trained.subarray(start, end) };
    start = end;
    return own;
  });
}
