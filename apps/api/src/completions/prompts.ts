/** What a request wants to be answered, as the process that answers takes it. */
import type { GeneratorTask } from '#contracts/generator-calls.js';
import type { ChatMessage } from '#contracts/http/chat-messages.js';
import type { CompletionRequest } from '#contracts/http/completions.js';

type Prompt = GeneratorTask['prompt'];
type Conversation = Extract<Prompt, readonly { role: string }[]>;

/** The prompts of a request, one or many; no tokens at all begin a new document. */
export function promptsOf(prompt: CompletionRequest['prompt']): Prompt[] {
  if (prompt === null) return [[]];
  if (typeof prompt === 'string') return [prompt];
  return isTokens(prompt) ? [prompt] : prompt;
}

function isTokens(prompt: string[] | number[] | number[][]): prompt is number[] {
  return typeof prompt[0] === 'number';
}

/** A conversation as chat templates see it: each message with its text, and what else it holds. */
export function conversationOf(messages: readonly ChatMessage[]): Conversation {
  return messages.map((message): Conversation[number] => {
    if (message.role !== 'assistant') {
      // A result is a result, whichever of the two forms of calls it answers.
      const role = message.role === 'function' ? 'tool' : message.role;
      return { ...said(message), role, content: textOf(message.content) };
    }
    const { content, refusal, function_call: call, audio: _, ...rest } = message;
    const text = content ?? refusal ?? null;
    const calls = call ? { tool_calls: [{ type: 'function', function: call }] } : {};
    return { ...said(rest), ...calls, role: rest.role, content: text === null ? null : textOf(text) };
  });
}

/** The fields of a message that have a content. */
function said(message: object): Record<string, unknown> {
  const fields = Object.entries(message).filter(
    ([, value]) => value !== null && value !== undefined && !(Array.isArray(value) && value.length === 0),
  );
  return Object.fromEntries(fields);
}

type Content = Extract<ChatMessage, { role: 'assistant' }>['content'];

function textOf(content: Content): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => (part.type === 'text' ? part.text : part.refusal)).join('');
}
