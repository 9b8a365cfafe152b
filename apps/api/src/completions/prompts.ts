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

/** A conversation as chat templates see it: each message with its text, and what else it holds that is not empty. */
export function conversationOf(messages: readonly ChatMessage[]): Conversation {
  return messages.map((message): Conversation[number] => {
    const { role, name } = message;
    const named = typeof name === 'string' ? { name } : {};
    // A result is a result, whichever of the two forms of calls it answers.
    if (role === 'function') return { role: 'tool', content: textOf(message.content), ...named };
    if (role === 'tool') {
      const { tool_call_id: id } = message;
      return { role, content: textOf(message.content), ...(id ? { tool_call_id: id } : {}), ...named };
    }
    if (role !== 'assistant') return { role, content: textOf(message.content), ...named };
    const { content, refusal, tool_calls: calls, function_call: call } = message;
    const called = call ? [{ type: 'function', function: call }] : (calls ?? []);
    const made = called.length === 0 ? {} : { tool_calls: called };
    return { role, content: textOf(content ?? refusal), ...named, ...made };
  });
}

type Content = Extract<ChatMessage, { role: 'assistant' }>['content'];

function textOf(content: Content): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => (part.type === 'text' ? part.text : part.refusal)).join('');
}
