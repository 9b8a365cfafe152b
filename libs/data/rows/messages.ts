/** Messages of a row, checked field by field. */
import type { TrainingMessage } from '#data/chat.js';
import { Float } from '#data/exact-json.js';
import { describeType, type Report } from '#data/field-report.js';
import type { Fields } from '#data/formats/row-source.js';
import { type JoinedParts, joinParts } from '#data/rows/content-parts.js';

const roles = ['system', 'developer', 'user', 'assistant', 'tool'];
const otherNames: Readonly<Record<string, string>> = {
  human: 'user',
  gpt: 'assistant',
  bot: 'assistant',
  model: 'assistant',
  chatbot: 'assistant',
  function: 'tool',
};

/** Reads a list of messages; undefined if a problem was reported. */
export function readMessages(
  value: unknown,
  field: string,
  report: Report,
  { mayBeEmpty = false }: { mayBeEmpty?: boolean } = {},
): TrainingMessage[] | undefined {
  if (!Array.isArray(value)) {
    report(field, 'wrong_type', `"${field}" must be a list, but is ${describeType(value)}.`);
    return undefined;
  }
  if (value.length === 0 && !mayBeEmpty) {
    report(field, 'empty', `"${field}" is empty. Give at least a user and an assistant message.`);
    return undefined;
  }
  const messages = value.map((message, index) => readMessage(message, `${field}[${index}]`, report));
  return messages.every((message) => message !== undefined) ? messages : undefined;
}

/** Whether there is something to learn in messages, and they end with it. */
export function checkLearnable(messages: readonly TrainingMessage[], field: string, report: Report): boolean {
  const last = messages.length - 1;
  if (!messages.some(({ role }) => role === 'assistant')) {
    report(
      field,
      'no_assistant_message',
      'there is no assistant message, so there is nothing to learn. Add one.',
    );
  } else if (messages[last]!.role !== 'assistant') {
    report(
      `${field}[${last}].role`,
      'last_message_not_assistant',
      `the last message must be the assistant's, but is from ${messages[last]!.role}. Add the answer or remove the message.`,
    );
  } else if (messages.every(({ role, weight }) => role !== 'assistant' || weight === 0)) {
    report(
      field,
      'nothing_to_learn',
      'every assistant message has weight 0, so there is nothing to learn. Give one of them weight 1, or remove the line.',
    );
  } else {
    return true;
  }
  return false;
}

function readMessage(value: unknown, path: string, report: Report): TrainingMessage | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    report(
      path,
      'wrong_type',
      `a message must be an object with role and content, but is ${describeType(value)}.`,
    );
    return undefined;
  }
  const message = withoutNulls(value);
  const role = readRole(message, path, report);
  if (role === undefined) return undefined;
  const toolCalls = readToolCalls(message, role, path, report);
  const content = readContent(message, role, path, report);
  const weight = readWeight(message, role, path, report);
  if (!toolCalls || content === undefined || weight === undefined) return undefined;
  const { tool_calls: _, weight: __, ...rest } = message;
  return {
    ...rest,
    role,
    content: content.text,
    ...(content.reasoning === undefined ? {} : { reasoning_content: content.reasoning }),
    ...(toolCalls.length > 0 ? { tool_calls: toolCalls } : {}),
    ...(weight === null ? {} : { weight }),
  };
}

/** The fields of an object, without those that a client library writes as null because they are not used. */
function withoutNulls(value: object): Fields {
  const entries: Iterable<[string, unknown]> =
    value instanceof Map ? (value as Map<string, unknown>) : Object.entries(value);
  return Object.fromEntries([...entries].filter(([, field]) => field !== null));
}

function readRole(message: Fields, path: string, report: Report): string | undefined {
  const { role } = message;
  if (role === undefined) {
    const isShareGpt = 'from' in message && 'value' in message;
    const fix = isShareGpt
      ? 'Rename "from" to "role" and "value" to "content".'
      : `Add one of: ${roles.join(', ')}.`;
    report(`${path}.role`, 'missing_field', `"role" is missing. ${fix}`);
  } else if (typeof role !== 'string') {
    report(`${path}.role`, 'wrong_type', `"role" must be text, but is ${describeType(role)}.`);
  } else if (!roles.includes(role)) {
    const meant = Object.hasOwn(otherNames, role) ? otherNames[role] : undefined;
    const fix = meant ? `Write ${meant}.` : `Use one of: ${roles.join(', ')}.`;
    report(`${path}.role`, 'unknown_role', `unknown role ${JSON.stringify(role.slice(0, 40))}. ${fix}`);
  } else {
    return role;
  }
  return undefined;
}

/** What a message says, and thinks before it if its content holds that; undefined if a problem was reported. */
function readContent(message: Fields, role: string, path: string, report: Report): JoinedParts | undefined {
  const field = `${path}.content`;
  const { content } = message;
  const callsTools =
    role === 'assistant' && Array.isArray(message.tool_calls) && message.tool_calls.length > 0;
  if (content === undefined) {
    if (callsTools) return { text: '', reasoning: undefined };
    report(field, 'missing_field', '"content" is missing or null. Add it, as text.');
    return undefined;
  }
  const read =
    typeof content === 'string'
      ? { text: content, reasoning: undefined }
      : joinParts(content, { role, message, field, report });
  if (read?.text === '' && !callsTools && role !== 'tool') {
    report(field, 'empty', '"content" is empty. Fill it, or remove the message.');
    return undefined;
  }
  return read;
}

/** The tool calls of a message, an empty list where there are none; undefined if a problem was reported. */
function readToolCalls(message: Fields, role: string, path: string, report: Report): unknown[] | undefined {
  if ('function_call' in message) {
    report(
      `${path}.function_call`,
      'deprecated_field',
      '"function_call" is the old form. Write it as "tool_calls".',
    );
    return undefined;
  }
  const { tool_calls: calls } = message;
  if (calls === undefined) return [];
  const field = `${path}.tool_calls`;
  if (!Array.isArray(calls)) {
    report(field, 'wrong_type', `"tool_calls" must be a list, but is ${describeType(calls)}.`);
    return undefined;
  }
  if (calls.length > 0 && role !== 'assistant') {
    report(field, 'not_allowed', `only assistant messages call tools, but this one is from ${role}.`);
    return undefined;
  }
  const wrong = calls.findIndex((call) => !isToolCall(call));
  if (wrong < 0) return calls;
  report(
    `${field}[${wrong}]`,
    'wrong_type',
    'a tool call must be {"type": "function", "function": {"name": "...", "arguments": "{...}"}}, with a JSON object ' +
      'or its text as arguments.',
  );
  return undefined;
}

function isToolCall(call: unknown): boolean {
  const called = (call as { function?: { name?: unknown; arguments?: unknown } } | null)?.function;
  if (typeof called?.name !== 'string') return false;
  let { arguments: value } = called;
  if (typeof value === 'string') {
    try {
      value = JSON.parse(value);
    } catch {
      return false;
    }
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The weight of a message, null where it has none; undefined if a problem was reported. */
function readWeight(message: Fields, role: string, path: string, report: Report): 0 | 1 | null | undefined {
  const { weight } = message;
  if (weight === undefined) return null;
  const field = `${path}.weight`;
  const number = weight instanceof Float ? weight.value : weight;
  if (number !== 0 && number !== 1) {
    const written = typeof weight === 'bigint' ? String(weight) : JSON.stringify(weight);
    report(field, 'invalid_weight', `"weight" must be 0 or 1, but is ${written.slice(0, 40)}.`);
    return undefined;
  }
  if (role !== 'assistant') {
    report(
      field,
      'not_allowed',
      `only assistant messages have a weight, but this one is from ${role}. Remove it.`,
    );
    return undefined;
  }
  return number;
}
