/** Messages in the form that templates were written for. */
import { parseExactJson } from '#data/exact-json.js';
import { dumpJson } from '#data/jinja/json.js';
import { isDict } from '#data/jinja/values.js';

/** A message of a conversation; fields beyond these go to the template as they are. null means that a field is absent. */
export interface ChatMessage {
  readonly role: string;
  /** Null or absent beside tool calls. */
  readonly content?: string | null;
  readonly tool_calls?: readonly unknown[] | null;
  readonly [field: string]: unknown;
}

/** A message as a template sees it. */
export type TemplateMessage = Readonly<Record<string, unknown>>;

/** How templates want what chat APIs write in several ways. */
export interface MessageForm {
  /** The arguments of a tool call. */
  readonly callArguments: 'object' | 'text';
  /** The content of an assistant message that only calls tools. */
  readonly emptyContent: 'text' | 'absent' | 'null';
  /** What a message says: a text, or a list of one text part. */
  readonly content: 'text' | 'parts';
  /** The role of what a developer says. */
  readonly developer: 'developer' | 'system';
}

/** The form that most templates read. */
export const usualForm: MessageForm = {
  callArguments: 'object',
  emptyContent: 'text',
  content: 'text',
  developer: 'developer',
};

/**
 * The forms that a conversation can take, the usual ones first. A template may know only one: DeepSeek's reads arguments
 * as text, and content that is null; Idefics' reads parts.
 */
export function* messageForms(has: { calls: boolean; developer: boolean }): Iterable<MessageForm> {
  for (const content of ['text', 'parts'] as const) {
    for (const developer of has.developer ? (['developer', 'system'] as const) : (['system'] as const)) {
      for (const callArguments of has.calls ? (['object', 'text'] as const) : (['object'] as const)) {
        for (const emptyContent of has.calls ? (['text', 'absent', 'null'] as const) : (['text'] as const)) {
          yield { callArguments, emptyContent, content, developer };
        }
      }
    }
  }
}

/** Fields that hold reasoning, the one that templates read first. */
export const reasoningFields = ['reasoning_content', 'thinking', 'reasoning'] as const;

/**
 * A message as transformers hands it to a template: without fields that are null, and with reasoning under the names
 * that templates read. What a trainer adds (`weight`) is not shown to the template.
 */
export function formMessage(message: ChatMessage, form: MessageForm): TemplateMessage {
  const given: Record<string, unknown> = {};
  const reasoning = reasoningFields.map((field) => message[field]).find(isPresent);
  // gpt-oss reads `thinking`, everybody else `reasoning_content`.
  if (reasoning !== undefined) given.thinking = reasoning;
  for (const [field, value] of Object.entries(message)) {
    if (isPresent(value) && field !== 'weight') given[field] = value;
  }
  if (reasoning !== undefined) given.reasoning_content = reasoning;
  if (message.role === 'developer') given.role = form.developer;
  const { tool_calls: calls } = message;
  if (!calls || calls.length === 0) return given;
  given.tool_calls = calls.map((call) => formCall(call, form));
  if (isPresent(message.content) && message.content !== '') return given;
  if (form.emptyContent === 'absent') delete given.content;
  else given.content = form.emptyContent === 'text' ? '' : null;
  return given;
}

/** A message whose content is a list of one text part. */
export function withContentAsParts(message: TemplateMessage): TemplateMessage {
  if (typeof message.content !== 'string') return message;
  return { ...message, content: [{ type: 'text', text: message.content }] };
}

function isPresent(value: unknown): boolean {
  return value !== null && value !== undefined;
}

/** The order of fields is kept: templates print calls as they are. */
function formCall(call: unknown, { callArguments }: MessageForm): unknown {
  const called = (call as { readonly function?: unknown } | null)?.function;
  if (typeof called !== 'object' || called === null || !('arguments' in called)) return call;
  const change = callArguments === 'object' ? readArguments : printArguments;
  return { ...(call as object), function: { ...called, arguments: change(called.arguments) } };
}

/** Arguments as an object, as far as they are the JSON of one. */
function readArguments(given: unknown): unknown {
  if (typeof given !== 'string') return given;
  try {
    const value = parseExactJson(given);
    return isDict(value) ? value : given;
  } catch {
    return given;
  }
}

function printArguments(given: unknown): unknown {
  return typeof given === 'string' ? given : dumpJson(given);
}
