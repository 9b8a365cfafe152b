/** Answers of models, piece by piece as they are written. */
import type {
  ChatCompletionChunk,
  ChatCompletionCreate,
  CompletionCreate,
  TextCompletion,
} from '#contracts/http/completions.js';
import type { ErrorBody } from '#contracts/http/errors.js';
import { request, RequestError } from './http.js';
import { readEvents } from './sse.js';

export type Turn = ChatCompletionCreate['messages'][number] & { readonly content: string };

/** What a base model is to answer with some adapters added to it. */
export interface Question {
  /** The base model. */
  readonly model: string;
  /** The conversation for a model that knows how to chat, otherwise the text to go on with. */
  readonly prompt: string | readonly Turn[];
  readonly members: NonNullable<CompletionCreate['members']>;
  readonly maxTokens: number;
}

type Chunk = ChatCompletionChunk | TextCompletion | ErrorBody;

export type Finish = 'stop' | 'length' | null;

/**
 * Asks for the likeliest answer. Yields what is new of it; returns why it ended. Throws RequestError.
 */
export async function* streamAnswer(
  { model, prompt, members, maxTokens }: Question,
  signal: AbortSignal,
): AsyncGenerator<string, Finish> {
  const isChat = typeof prompt !== 'string';
  const shared = { model, members, max_tokens: maxTokens, temperature: 0, stream: true };
  const body: ChatCompletionCreate | CompletionCreate =
    typeof prompt === 'string' ? { ...shared, prompt } : { ...shared, messages: [...prompt] };
  const response = await request(isChat ? '/v1/chat/completions' : '/v1/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  });
  let finish: Finish = null;
  for await (const { data } of readEvents(response.body!)) {
    if (data === '[DONE]') return finish;
    const chunk = JSON.parse(data) as Chunk;
    if ('error' in chunk) throw new RequestError(response.status, chunk.error.message, chunk.error.code);
    const choice = chunk.choices[0];
    if (choice === undefined) continue;
    finish = choice.finish_reason ?? finish;
    const text = 'text' in choice ? choice.text : choice.delta.content;
    if (text) yield text;
  }
  throw new RequestError(0, 'The answer broke off before its end. Ask again.');
}
