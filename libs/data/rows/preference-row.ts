/** Rows of a prompt and two answers, of which one is preferred: as OpenAI's API has them, and as TRL does. */
import type { TrainingMessage } from '#data/chat.js';
import { describeType, type Report } from '#data/field-report.js';
import type { Fields } from '#data/formats/row-source.js';
import { readTools } from '#data/rows/chat-row.js';
import { readMessages } from '#data/rows/messages.js';
import type { ChatRow, CompletionRow, PreferenceRow } from '#data/rows/row.js';
import { readText, type RowShape } from '#data/rows/row-shape.js';

const equalAnswers = 'both answers are the same, so there is nothing to prefer. Remove the line.';

/** `{"input": {"messages", "tools"}, "preferred_output": [...], "non_preferred_output": [...]}` */
export const openaiPreferenceShape: RowShape = {
  kinds: ['preference'],
  fields: ['input', 'preferred_output', 'non_preferred_output'],
  structured: ['input', 'preferred_output', 'non_preferred_output'],

  detects: (fields) => 'preferred_output' in fields || 'non_preferred_output' in fields,

  read(fields, report) {
    const input = readInput(fields.input, report);
    const chosen = readAnswer(fields, 'preferred_output', report);
    const rejected = readAnswer(fields, 'non_preferred_output', report);
    if (!input || !chosen || !rejected) return undefined;
    return pairOf(input, chosen, rejected, 'non_preferred_output', report);
  },
};

/** `{"prompt", "chosen", "rejected"}` as texts or as messages; the prompt may stand at the start of both answers instead. */
export const trlPreferenceShape: RowShape = {
  kinds: ['preference'],
  fields: ['prompt', 'chosen', 'rejected', 'tools'],
  structured: ['tools'],
  messagesOrText: ['prompt', 'chosen', 'rejected'],

  detects: (fields) => 'chosen' in fields || 'rejected' in fields,

  read(fields, report) {
    const { prompt, chosen, rejected } = fields;
    const lists = [prompt, chosen, rejected].map((value) => Array.isArray(value));
    if (!lists.some(Boolean)) return readTexts(fields, report);
    for (const [i, field] of (['prompt', 'chosen', 'rejected'] as const).entries()) {
      const value = fields[field];
      if (lists[i] || (field === 'prompt' && value === undefined)) continue;
      const problem =
        value === undefined
          ? `"${field}" is missing. Add it, as messages.`
          : `"${field}" is ${describeType(value)}, but others are lists of messages. Give all as messages, or all as texts.`;
      report(field, value === undefined ? 'missing_field' : 'wrong_type', problem);
      return undefined;
    }
    return readConversations(fields, report);
  },
};

interface Input {
  readonly messages: readonly TrainingMessage[];
  readonly tools: readonly unknown[];
}

function readInput(value: unknown, report: Report): Input | undefined {
  if (value === undefined || value === null || typeof value !== 'object' || Array.isArray(value)) {
    const isMissing = value === undefined || value === null;
    const what = isMissing ? 'is missing' : `must be an object, but is ${describeType(value)}`;
    const code = isMissing ? 'missing_field' : 'wrong_type';
    report('input', code, `"input" ${what}. Write {"messages": [...]}.`);
    return undefined;
  }
  const { messages, tools } = value as { messages?: unknown; tools?: unknown };
  const read = readMessages(messages, 'input.messages', report);
  const known = readTools(tools ?? undefined, (field, code, message) =>
    report(`input.${field}`, code, message),
  );
  return read && known && { messages: read, tools: known };
}

/** The messages of an answer: the assistant's, with answers of tools between them. */
function readAnswer(fields: Fields, field: string, report: Report): TrainingMessage[] | undefined {
  if (fields[field] === undefined) {
    report(field, 'missing_field', `"${field}" is missing. Add it, as a list of messages.`);
    return undefined;
  }
  const messages = readMessages(fields[field], field, report);
  return messages && isAnswer(messages, 0, field, report) ? messages : undefined;
}

/** Whether the messages from `start` on are an answer. */
function isAnswer(
  messages: readonly TrainingMessage[],
  start: number,
  field: string,
  report: Report,
): boolean {
  const other = messages.findIndex(({ role }, i) => i >= start && role !== 'assistant' && role !== 'tool');
  if (other >= 0) {
    const { role } = messages[other]!;
    const problem = `an answer has messages of the assistant and of tools, but this one is from ${role}. Move it to the prompt.`;
    report(`${field}[${other}].role`, 'not_allowed', problem);
    return false;
  }
  const last = messages.length - 1;
  if (messages[last]!.role === 'assistant') return true;
  const problem = "the last message of an answer must be the assistant's. Add it.";
  report(`${field}[${last}].role`, 'last_message_not_assistant', problem);
  return false;
}

function pairOf(
  { messages, tools }: Input,
  chosen: readonly TrainingMessage[],
  rejected: readonly TrainingMessage[],
  field: string,
  report: Report,
): PreferenceRow | undefined {
  if (JSON.stringify(chosen, withBigints) === JSON.stringify(rejected, withBigints)) {
    report(field, 'equal_answers', equalAnswers);
    return undefined;
  }
  const prompt = messages.map((message) =>
    message.role === 'assistant' ? { ...message, weight: 0 as const } : message,
  );
  const row = (answer: readonly TrainingMessage[]): ChatRow => ({
    kind: 'chat',
    messages: [...prompt, ...answer],
    ...(tools.length > 0 ? { tools } : {}),
  });
  return { kind: 'preference', chosen: row(chosen), rejected: row(rejected) };
}

function withBigints(_: string, value: unknown): unknown {
  if (value instanceof Map) return [...(value as Map<unknown, unknown>)];
  return typeof value === 'bigint' ? `${value}n` : value;
}

function readConversations(fields: Fields, report: Report): PreferenceRow | undefined {
  const hasPrompt = fields.prompt !== undefined;
  const prompt = hasPrompt ? readMessages(fields.prompt, 'prompt', report, { mayBeEmpty: true }) : [];
  const chosen = readMessages(fields.chosen, 'chosen', report);
  const rejected = readMessages(fields.rejected, 'rejected', report);
  const tools = readTools(fields.tools, report);
  if (!prompt || !chosen || !rejected || !tools) return undefined;
  // Messages that both begin with are the prompt, or a part of it.
  const texts = [chosen, rejected].map((messages) =>
    messages.map((message) => JSON.stringify(message, withBigints)),
  ) as [string[], string[]];
  const most = Math.min(chosen.length, rejected.length);
  let shared = 0;
  while (shared < most && texts[0][shared] === texts[1][shared]) shared++;
  if (shared === chosen.length && shared === rejected.length) {
    report('rejected', 'equal_answers', equalAnswers);
    return undefined;
  }
  for (const [field, messages] of [
    ['chosen', chosen],
    ['rejected', rejected],
  ] as const) {
    if (shared < messages.length) continue;
    const problem = `"${field}" holds nothing after the ${shared} messages that both begin with. Add the answer.`;
    report(field, 'empty', problem);
    return undefined;
  }
  const isOfPrompt = ({ role }: TrainingMessage) => role !== 'assistant' && role !== 'tool';
  if (isOfPrompt(chosen[shared]!) || isOfPrompt(rejected[shared]!)) {
    report(
      `rejected[${shared}]`,
      'different_prompts',
      `"chosen" and "rejected" begin with other messages: they differ at message ${shared + 1}, which is not the ` +
        "assistant's. Give two answers to one prompt.",
    );
    return undefined;
  }
  if (!isAnswer(chosen, shared, 'chosen', report) || !isAnswer(rejected, shared, 'rejected', report))
    return undefined;
  const messages = [...prompt, ...chosen.slice(0, shared)];
  if (messages.length === 0) {
    report(
      'prompt',
      'missing_field',
      'there is no prompt. Add "prompt", as messages, or put it before both answers.',
    );
    return undefined;
  }
  return pairOf({ messages, tools }, chosen.slice(shared), rejected.slice(shared), 'rejected', report);
}

function readTexts(fields: Fields, report: Report): PreferenceRow | undefined {
  const hasPrompt = fields.prompt !== undefined;
  const prompt = hasPrompt ? readText(fields, 'prompt', report, { mayBeEmpty: true }) : '';
  const chosen = readText(fields, 'chosen', report);
  const rejected = readText(fields, 'rejected', report);
  if (prompt === undefined || chosen === undefined || rejected === undefined) return undefined;
  if (chosen === rejected) {
    report('rejected', 'equal_answers', equalAnswers);
    return undefined;
  }
  const shared = hasPrompt ? 0 : sharedPrompt(chosen, rejected);
  const row = (answer: string): CompletionRow => ({
    kind: 'completion',
    prompt: prompt + answer.slice(0, shared),
    completion: answer.slice(shared),
  });
  for (const [field, answer] of [
    ['chosen', chosen],
    ['rejected', rejected],
  ] as const) {
    if (answer.length > shared) continue;
    report(field, 'empty', `"${field}" holds nothing after the text that both begin with. Add the answer.`);
    return undefined;
  }
  return { kind: 'preference', chosen: row(chosen), rejected: row(rejected) };
}

/** Characters that both texts begin with; a space before the first difference belongs to the answers, as in TRL. */
function sharedPrompt(chosen: string, rejected: string): number {
  const most = Math.min(chosen.length, rejected.length);
  let shared = 0;
  while (shared < most && chosen[shared] === rejected[shared]) shared++;
  // Half of a surrogate pair is no character.
  if (shared > 0 && /[\ud800-\udbff]/.test(chosen[shared - 1]!)) shared--;
  return shared > 0 && shared < most && chosen[shared - 1] === ' ' ? shared - 1 : shared;
}
