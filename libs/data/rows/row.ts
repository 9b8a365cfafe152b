/** One line of a data set as a typed row, or the problems that it has. */
import type { TrainingMessage } from '#data/chat.js';
import { describeType, type Report } from '#data/field-report.js';
import { detectForeignRow } from '#data/foreign-formats.js';
import { readMessages } from '#data/messages.js';

/** A conversation; the assistant's turns are learned. */
export interface ChatRow {
  readonly kind: 'chat';
  readonly messages: readonly TrainingMessage[];
  readonly tools?: readonly unknown[];
}

/** A text and how it goes on; only the completion is learned. */
export interface CompletionRow {
  readonly kind: 'completion';
  readonly prompt: string;
  readonly completion: string;
}

/** A text, all of which is learned. */
export interface TextRow {
  readonly kind: 'text';
  readonly text: string;
}

export type Row = ChatRow | CompletionRow | TextRow;

/** A row and the line it stands on. */
export interface NumberedRow {
  readonly line: number;
  readonly row: Row;
}
export type RowKind = Row['kind'];

/** Fields of each kind of row that are read; others are tolerated and counted. */
const KNOWN_FIELDS: Record<RowKind, readonly string[]> = {
  chat: ['messages', 'tools', 'parallel_tool_calls'],
  completion: ['prompt', 'completion'],
  text: ['text'],
};

/** The kind of row that an object is by its fields; 'foreign' and 'unknown' are reported. */
export function detectKind(
  value: Readonly<Record<string, unknown>>,
  report: Report,
): RowKind | 'foreign' | 'unknown' {
  const foreign = detectForeignRow(value);
  if (foreign) {
    report('', 'unsupported_format', foreign);
    return 'foreign';
  }
  const kinds: RowKind[] = [];
  if ('messages' in value) kinds.push('chat');
  if ('prompt' in value || 'completion' in value) kinds.push('completion');
  if ('text' in value) kinds.push('text');
  const [kind, other] = kinds;
  if (kind && !other) return kind;
  const fields = Object.keys(value).slice(0, 8).join(', ') || 'none';
  report(
    '',
    kind ? 'ambiguous_row' : 'unknown_format',
    kind
      ? 'the row has fields of several kinds. Keep one of: messages; prompt and completion; text.'
      : `the row has none of the fields messages, prompt and completion, or text; it has: ${fields}. Rename them.`,
  );
  return 'unknown';
}

/** The fields of the row that nothing reads. */
export function unknownFields(value: Readonly<Record<string, unknown>>, kind: RowKind): string[] {
  return Object.keys(value).filter((field) => !KNOWN_FIELDS[kind].includes(field));
}

/** Reads a row of a known kind; undefined if a problem was reported. */
export function readRow(
  value: Readonly<Record<string, unknown>>,
  kind: RowKind,
  report: Report,
): Row | undefined {
  switch (kind) {
    case 'chat': {
      const messages = readMessages(value.messages, report);
      const tools = readTools(value.tools, report);
      return messages && tools ? { kind, messages, ...(tools.length > 0 ? { tools } : {}) } : undefined;
    }
    case 'completion': {
      const prompt = readText(value, 'prompt', report, { mayBeEmpty: true });
      const completion = readText(value, 'completion', report);
      return prompt !== undefined && completion !== undefined ? { kind, prompt, completion } : undefined;
    }
    case 'text': {
      const text = readText(value, 'text', report);
      return text === undefined ? undefined : { kind, text };
    }
    default:
      return kind satisfies never;
  }
}

function readText(
  value: Readonly<Record<string, unknown>>,
  field: string,
  report: Report,
  { mayBeEmpty = false }: { mayBeEmpty?: boolean } = {},
): string | undefined {
  const text = value[field];
  if (text === undefined) {
    report(field, 'missing_field', `"${field}" is missing. Add it, as text.`);
  } else if (typeof text !== 'string') {
    report(field, 'wrong_type', `"${field}" must be text, but is ${describeType(text)}.`);
  } else if (text === '' && !mayBeEmpty) {
    report(field, 'empty', `"${field}" is empty. Fill it, or remove the line.`);
  } else {
    return text;
  }
  return undefined;
}

function readTools(tools: unknown, report: Report): unknown[] | undefined {
  if (tools === undefined || tools === null) return [];
  if (Array.isArray(tools) && tools.every((tool) => typeof tool === 'object' && tool !== null)) return tools;
  report('tools', 'wrong_type', '"tools" must be a list of objects, as in the chat completions API.');
  return undefined;
}
