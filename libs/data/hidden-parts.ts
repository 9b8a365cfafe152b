/** What a conversation holds that its rendered text does not show. */
import type { Conversation, TemplateVariables } from '#data/conversation.js';
import { mark, probeCalls, type Probed, probeTools } from '#data/probes.js';
import { reasoningFields, type TemplateMessage } from '#data/template-messages.js';

/** A part of a conversation. */
export interface ConversationPart {
  /** Index of the message; undefined for what belongs to the conversation as a whole. */
  readonly message: number | undefined;
  readonly kind: 'content' | 'tool_calls' | 'tools' | 'reasoning' | 'field';
  /** Of the message: `name`, say. */
  readonly field: string;
}

/** Fields that say what a message is, or which call it answers. */
const structure = ['role', 'content', 'tool_calls', 'tool_call_id', ...reasoningFields];

/** Characters of a text that stands nowhere by chance. */
const surelyUnique = 32;
const thought = /(<think>)([\s\S]*?)(<\/think>)/;

/** The parts that a template leaves out, found by rendering variations of the conversation. */
export function findHiddenParts(conversation: Conversation, text: string): readonly ConversationPart[] {
  return new Search(conversation, text).run();
}

class Search {
  private place = 0;

  constructor(
    private readonly conversation: Conversation,
    private readonly text: string,
  ) {}

  run(): readonly ConversationPart[] {
    const doubtful = this.parts().filter((part) => !this.isInText(part));
    if (doubtful.length === 0) return [];
    const unseen = this.withoutSeen(doubtful);
    // One rendering without all of them tells for the usual case, that the template reads none of them.
    if (unseen.length > 1 && this.isSameWithout(unseen)) return unseen;
    return unseen.filter((part) => this.isSameWithout([part]));
  }

  private parts(): ConversationPart[] {
    const parts: ConversationPart[] = [];
    const { tools, messages } = this.conversation;
    if (tools && tools.length > 0) parts.push({ message: undefined, kind: 'tools', field: 'tools' });
    for (const [index, message] of messages.entries()) parts.push(...partsOf(message, index));
    return parts;
  }

  /** Whether a part stands in the text as it is: what a message says after what the message before says. */
  private isInText({ kind, message, field }: ConversationPart): boolean {
    if (message === undefined) return false;
    const holder = this.conversation.messages[message]!;
    if (kind === 'reasoning') {
      const reasoning = field === 'content' ? thoughtOf(holder) : holder[field];
      if (typeof reasoning !== 'string' || reasoning.trim().length < surelyUnique) return false;
      return this.text.includes(reasoning.trim());
    }
    if (kind !== 'content') return false;
    const content = (holder.content as string).trim();
    const found = this.text.indexOf(content, this.place);
    if (found < 0) return false;
    this.place = found + content.length;
    return true;
  }

  /** Parts whose probe does not show up when every part is replaced by one. */
  private withoutSeen(parts: readonly ConversationPart[]): readonly ConversationPart[] {
    const probes = parts.map((part, index) => probeOf(this.conversation, part, String(index)));
    const changed = this.renderChanged(parts, (_, index) => probes[index]!.value);
    if (changed === undefined) return parts;
    return parts.filter((_, index) => !probes[index]!.marks.every((each) => changed.includes(each)));
  }

  private isSameWithout(parts: readonly ConversationPart[]): boolean {
    const changed = this.renderChanged(parts, ({ kind }) => {
      if (kind === 'content') return mark('content');
      return kind === 'tools' ? null : undefined;
    });
    return changed === this.text;
  }

  /** The text with other values for some parts; undefined takes a field away. */
  private renderChanged(
    parts: readonly ConversationPart[],
    valueOf: (part: ConversationPart, index: number) => unknown,
  ): string | undefined {
    const messages = this.conversation.messages.map((message) => ({ ...message }));
    const variables: Record<string, unknown> = {};
    for (const [index, part] of parts.entries()) {
      const value = valueOf(part, index);
      if (part.message === undefined) variables[part.field] = value;
      else setField(messages[part.message]!, part, value);
    }
    return this.conversation.tryRender(messages, variables satisfies TemplateVariables);
  }
}

function setField(message: Record<string, unknown>, { kind, field }: ConversationPart, value: unknown): void {
  if (kind === 'reasoning' && field === 'content') {
    message.content = (message.content as string).replace(
      thought,
      `$1${(value as string | undefined) ?? ''}$3`,
    );
    return;
  }
  for (const name of kind === 'reasoning' ? reasoningFields : [field]) {
    if (value === undefined) delete message[name];
    else if (name in message) message[name] = value;
  }
}

function* partsOf(message: TemplateMessage, index: number): Iterable<ConversationPart> {
  const part = (kind: ConversationPart['kind'], field: string): ConversationPart => ({
    message: index,
    kind,
    field,
  });
  if (typeof message.content === 'string' && message.content.trim() !== '') yield part('content', 'content');
  if (message.tool_calls !== undefined) yield part('tool_calls', 'tool_calls');
  if (!isEmpty(message.reasoning_content)) yield part('reasoning', 'reasoning_content');
  if (thoughtOf(message) !== '') yield part('reasoning', 'content');
  for (const [field, value] of Object.entries(message)) {
    // The name of a tool's answer repeats the name of the call.
    const isAnswer = field === 'name' && message.role === 'tool';
    if (!structure.includes(field) && !isAnswer && !isEmpty(value)) yield part('field', field);
  }
}

/** Reasoning that an assistant message has within what it says. */
function thoughtOf({ role, content }: TemplateMessage): string {
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

function probeOf(
  conversation: Conversation,
  { kind, message, field }: ConversationPart,
  name: string,
): Probed {
  if (kind === 'tools') return probeTools(conversation.tools ?? []);
  if (kind === 'tool_calls') return probeCalls(conversation.messages[message!]![field], name);
  return { value: mark(name), marks: [mark(name)] };
}
