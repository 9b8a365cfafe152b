/** What a conversation holds that its rendered text does not show. */
import type { Conversation } from '#data/conversation.js';
import { type ConversationPart, partsOf, thought, thoughtOf } from '#data/message-parts.js';
import { emptyArguments, mark, probeArguments, probeCalls, type Probed, probeTools } from '#data/probes.js';
import { reasoningFields, type TemplateMessage } from '#data/template-messages.js';

/** Characters of a text that stands nowhere by chance. */
const surelyUnique = 32;

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
    const areAllHidden = unseen.length > 1 && this.isSameWithout(unseen);
    const hidden = areAllHidden ? unseen : unseen.filter((part) => this.isSameWithout([part]));
    const hasHiddenCalls = ({ message }: ConversationPart): boolean =>
      hidden.some((part) => part.kind === 'tool_calls' && part.message === message);
    return hidden.filter((part) => part.kind !== 'arguments' || !hasHiddenCalls(part));
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
    const marks = new Map<ConversationPart, readonly string[]>();
    const changed = this.renderChanged(parts, (part, holder) => {
      const probed = probeOf(part, holder, String(parts.indexOf(part)));
      marks.set(part, probed.marks);
      return probed.value;
    });
    if (changed === undefined) return parts;
    return parts.filter((part) => !marks.get(part)!.every((each) => changed.includes(each)));
  }

  private isSameWithout(parts: readonly ConversationPart[]): boolean {
    return this.renderChanged(parts, without) === this.text;
  }

  /** The text with other values for some parts, changed one after another; undefined takes a field away. */
  private renderChanged(
    parts: readonly ConversationPart[],
    valueOf: (part: ConversationPart, holder: TemplateMessage) => unknown,
  ): string | undefined {
    const messages = this.conversation.messages.map((message) => ({ ...message }));
    const variables: Record<string, unknown> = { tools: this.conversation.tools };
    for (const part of parts) {
      const holder = part.message === undefined ? variables : messages[part.message]!;
      setField(holder, part, valueOf(part, holder));
    }
    return this.conversation.tryRender(messages, variables);
  }
}

function setField(holder: Record<string, unknown>, { kind, field }: ConversationPart, value: unknown): void {
  for (const name of kind === 'reasoning' && field !== 'content' ? reasoningFields : [field]) {
    if (value === undefined) delete holder[name];
    else if (name in holder) holder[name] = value;
  }
}

function probeOf({ kind, field }: ConversationPart, holder: TemplateMessage, name: string): Probed {
  const value = holder[field];
  if (kind === 'tools') return probeTools(value as readonly unknown[]);
  if (kind === 'tool_calls') return probeCalls(value, name);
  if (kind === 'arguments') return probeArguments(value, name);
  const probe = mark(name);
  const isThought = kind === 'reasoning' && field === 'content';
  return { value: isThought ? (value as string).replace(thought, `$1${probe}$3`) : probe, marks: [probe] };
}

/** What a field holds without the part. */
function without({ kind, field }: ConversationPart, holder: TemplateMessage): unknown {
  switch (kind) {
    case 'content':
      return mark('content');
    case 'arguments':
      return emptyArguments(holder[field]);
    case 'tools':
      return null;
    case 'reasoning':
      return field === 'content' ? (holder[field] as string).replace(thought, '$1$3') : undefined;
    case 'tool_calls':
    case 'field':
      return undefined;
    default:
      return kind satisfies never;
  }
}
