/** Answers of models, piece by piece as they are written. */
import { request, RequestError } from './http.js';
import { readEvents } from './sse.js';

export interface Turn {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** What a base model is to answer with some adapters added to it. */
export interface Question {
  /** The base model. */
  readonly model: string;
  /** The conversation for a model that knows how to chat, otherwise the text to go on with. */
  readonly prompt: string | readonly Turn[];
  readonly members: readonly {
    readonly adapter?: string;
    readonly checkpoint?: string;
    readonly weight: number;
  }[];
  readonly maxTokens: number;
}

interface Chunk {
  readonly choices?: readonly {
    readonly text?: string;
    readonly delta?: { readonly content?: string };
    readonly finish_reason?: string | null;
  }[];
  readonly error?: { readonly message: string; readonly code: string | null };
}

export type Finish = 'stop' | 'length' | null;

/**
 * Asks for the likeliest answer. Yields what is new of it; returns why it ended. Throws RequestError.
 */
export async function* streamAnswer(
  { model, prompt, members, maxTokens }: Question,
  signal: AbortSignal,
): AsyncGenerator<string, Finish> {
  const isChat = typeof prompt !== 'string';
  const response = await request(isChat ? '/v1/chat/completions' : '/v1/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model,
      ...(isChat ? { messages: prompt } : { prompt }),
      members,
      max_tokens: maxTokens,
      temperature: 0,
      stream: true,
    }),
    signal,
  });
  let finish: Finish = null;
  for await (const { data } of readEvents(response.body!)) {
    if (data === '[DONE]') return finish;
    const { choices = [], error } = JSON.parse(data) as Chunk;
    if (error) throw new RequestError(500, error.message, error.code);
    const text = choices[0]?.delta?.content ?? choices[0]?.text ?? '';
    finish = (choices[0]?.finish_reason as Finish | undefined) ?? finish;
    if (text !== '') yield text;
  }
  throw new RequestError(0, 'The answer broke off before its end. Ask again.');
}
