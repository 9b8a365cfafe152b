/** What the messages of a conversation hold. */
import { hasArguments } from '#data/probes.js';
import { reasoningFields, type TemplateMessage } from '#data/template-messages.js';

/** A part of a conversation. */
export interface ConversationPart {
  /** Index of the message; undefined for what belongs to the conversation as a whole. */
  readonly message: number | undefined;
  readonly kind: 'content' | 'tool_calls' | 'arguments' | 'tools' | 'reasoning' | 'field';
  /** Of the message: `name`, say. */
  readonly field: string;
}

/** Fields that say what a message is, or which call it answers. */
const structure = ['role', 'content', 'tool_calls', 'tool_call_id', ...reasoningFields];

/** Reasoning within what an assistant says. */
export const thought = /(<think>)([\s\S]*?)(<\/think>)/;

/** Everything that a message holds beside its role and what links it to others. */
export function* partsOf(message: TemplateMessage, index: number): Iterable<ConversationPart> {
  const part = (kind: ConversationPart['kind'], field: string): ConversationPart => ({
    message: index,
    kind,
    field,
  });
  if (typeof message.content === 'string' && message.content.trim() !== '') yield part('content', 'content');
  if (message.tool_calls !== undefined) yield part('tool_calls', 'tool_calls');
  if (hasArguments(message.tool_calls)) yield part('arguments', 'tool_calls');
  if (!isEmpty(message.reasoning_content)) yield part('reasoning', 'reasoning_content');
  if (thoughtOf(message) !== '') yield part('reasoning', 'content');
  for (const [field, value] of Object.entries(message)) {
    // The name of a tool's answer repeats the name of the call.
    const isAnswer = field === 'name' && message.role === 'tool';
    if (!structure.includes(field) && !isAnswer && !isEmpty(value)) yield part('field', field);
  }
}

/** Reasoning that an assistant message has within what it says. */
export function thoughtOf({ role, content }: TemplateMessage): string {
  return role === 'assistant' && typeof content === 'string'
    ? (thought.exec(content)?.[2]?.trim() ?? '')
    : '';
}

/** Whether a field holds nothing: clients write such values for fields that they do not use. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '') return true;
  if (typeof value !== 'object') return false;
  return value instanceof Map ? value.size === 0 : Object.keys(value).length === 0;
}
