/** Texts put in the place of what a conversation holds, to see whether a template shows it. */
import type { Conversation } from '#data/conversation.js';
import { entriesOf, isDict, sizeOf } from '#data/jinja/values.js';
import type { TemplateMessage } from '#data/template-messages.js';

/** A value with probes in it, and the probes that show up where a template shows all of the value. */
export interface Probed {
  readonly value: unknown;
  readonly marks: readonly string[];
}

/** A word that stands in no text, of letters and digits alone: it comes through every way of escaping text. */
export function mark(name: string): string {
  return `Zq8x${name}Vk3j`;
}

/** The tool calls of a message with a probe for their names and another for the values of their arguments. */
export function probeCalls(calls: unknown, name: string): Probed {
  const [called, filled] = [mark(`${name}name`), mark(`${name}argument`)];
  if (!Array.isArray(calls)) return { value: called, marks: [called] };
  let hasArguments = false;
  const value = calls.map((call: unknown) => {
    const { function: described } = (call ?? {}) as { function?: unknown };
    if (typeof described !== 'object' || described === null) return called;
    const { arguments: given } = described as { arguments?: unknown };
    hasArguments ||= typeof given === 'string' ? /[^\s{}]/.test(given) : isDict(given) && sizeOf(given) > 0;
    return {
      ...(call as object),
      function: { ...described, name: called, arguments: probeArguments(given, filled) },
    };
  });
  return { value, marks: hasArguments ? [called, filled] : [called] };
}

function probeArguments(given: unknown, value: string): unknown {
  if (typeof given === 'string') return JSON.stringify({ [value]: value });
  return isDict(given) ? new Map(entriesOf(given).map(([key]) => [key, value])) : given;
}

/** Tools with a probe for each name. */
export function probeTools(tools: readonly unknown[]): Probed {
  const name = mark('tool');
  const value = tools.map((tool) => {
    const { function: described } = (tool ?? {}) as { function?: unknown };
    const isNested = typeof described === 'object' && described !== null;
    return isNested
      ? { ...(tool as object), function: { ...described, name } }
      : { ...(tool as object), name };
  });
  return { value, marks: [name] };
}

/** Whether a template shows the tool calls of every message that has some, as far as it can be told. */
export function showsCalls(conversation: Conversation): boolean {
  const marks: string[] = [];
  const messages = conversation.messages.map((message, index): TemplateMessage => {
    if (message.tool_calls === undefined) return message;
    const probed = probeCalls(message.tool_calls, String(index));
    marks.push(...probed.marks);
    return { ...message, tool_calls: probed.value };
  });
  const text = conversation.tryRender(messages);
  return text === undefined || marks.every((each) => text.includes(each));
}
