/** Texts put in the place of what a conversation holds, to see whether a template shows it. */
import type { Conversation } from '#data/conversation.js';
import { entriesOf, isDict, sizeOf } from '#data/jinja/values.js';
import type { ChatMessage, TemplateMessage } from '#data/template-messages.js';

/** A value with probes in it, and the probes that show up where a template shows all of the value. */
export interface Probed {
  readonly value: unknown;
  readonly marks: readonly string[];
}

/** A word that stands in no text, of letters and digits alone: it comes through every way of escaping text. */
export function mark(name: string): string {
  return `Zq8x${name}Vk3j`;
}

/** The tool calls of a message with a probe for each name. */
export function probeCalls(calls: unknown, name: string): Probed {
  const called = mark(name);
  return { value: changeCalls(calls, (described) => ({ ...described, name: called })), marks: [called] };
}

/** The tool calls of a message with a probe for each value of their arguments. */
export function probeArguments(calls: unknown, name: string): Probed {
  const value = mark(name);
  const probed = changeCalls(calls, (described) => {
    const { arguments: given } = described;
    if (typeof given === 'string') return { ...described, arguments: JSON.stringify({ [value]: value }) };
    if (!isDict(given)) return described;
    return { ...described, arguments: new Map(entriesOf(given).map(([key]) => [key, value])) };
  });
  return { value: probed, marks: [value] };
}

/** The tool calls of a message with nothing in their arguments. */
export function emptyArguments(calls: unknown): unknown {
  return changeCalls(calls, (described) => ({
    ...described,
    arguments: typeof described.arguments === 'string' ? '{}' : {},
  }));
}

/** Whether a call among these has arguments. */
export function hasArguments(calls: unknown): boolean {
  let found = false;
  changeCalls(calls, (described) => {
    const { arguments: given } = described;
    found ||= typeof given === 'string' ? /[^\s{}]/.test(given) : isDict(given) && sizeOf(given) > 0;
    return described;
  });
  return found;
}

type Described = Readonly<Record<string, unknown>>;

function changeCalls(calls: unknown, change: (described: Described) => Described): unknown {
  if (!Array.isArray(calls)) return calls;
  return calls.map((call: unknown) => {
    const { function: described } = (call ?? {}) as { function?: unknown };
    if (typeof described !== 'object' || described === null) return call;
    return { ...(call as object), function: change(described as Described) };
  });
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
    const { tool_calls: calls } = message;
    if (calls === undefined) return message;
    const called = probeCalls(calls, `${index}name`);
    const filled = probeArguments(called.value, `${index}argument`);
    marks.push(...called.marks, ...(hasArguments(calls) ? filled.marks : []));
    return { ...message, tool_calls: filled.value };
  });
  const text = conversation.tryRender(messages);
  return text === undefined || marks.every((each) => text.includes(each));
}

/** Whether what messages say stands in their rendering as it is; without reasoning, which many templates drop. */
export function showsContents(messages: readonly ChatMessage[], text: string): boolean {
  const isShown = ({ content }: ChatMessage): boolean =>
    typeof content !== 'string' || text.includes(content.split('</think>').at(-1)!.trim());
  return messages.every(isShown) && !printedPart.test(text);
}

/** A part of content as Python or JSON print it: the template expects a text. */
const printedPart = /(['"])type\1: \1text\1/;
