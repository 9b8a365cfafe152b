/** Answers of models, whole or piece by piece as they are written. */
import type { z } from 'zod';
import { LowrankError } from '#base/errors.js';
import {
  type ChatCompletion,
  chatCompletion,
  type ChatCompletionChunk,
  chatCompletionChunk,
  type ChatCompletionCreate,
  type CompletionCreate,
  type FinishReason,
  type TextCompletion,
  textCompletion,
} from '#contracts/http/completions.js';
import type { Connection } from './connection.js';
import { errorInBody, firstIssue, parseJson, unexpectedAnswer } from './errors.js';
import { eventsOf } from './event-stream.js';
import type { ReadOptions } from './pages.js';
import { ConnectionError } from './transport.js';

const chatPath = '/v1/chat/completions';
const textPath = '/v1/completions';

export class CompletionsClient {
  constructor(private readonly connection: Connection) {}

  /** The next turn of a conversation. */
  async chat(body: ChatCompletionCreate, { signal }: ReadOptions = {}): Promise<ChatCompletion> {
    return this.connection.json('POST', chatPath, chatCompletion, { json: body, signal });
  }

  /** How a text goes on. */
  async complete(body: CompletionCreate, { signal }: ReadOptions = {}): Promise<TextCompletion> {
    return this.connection.json('POST', textPath, textCompletion, { json: body, signal });
  }

  /** The next turn of a conversation in pieces. Throws ApiError, also in the middle, and `server_unreachable`. */
  streamChat(body: ChatCompletionCreate, options: ReadOptions = {}): AsyncGenerator<ChatCompletionChunk> {
    return this.stream(chatPath, chatCompletionChunk, body, options);
  }

  /** How a text goes on, in pieces. Throws as `streamChat` does. */
  streamText(body: CompletionCreate, options: ReadOptions = {}): AsyncGenerator<TextCompletion> {
    return this.stream(textPath, textCompletion, body, options);
  }

  /**
   * An answer to a conversation (`messages`) or a text (`prompt`): yields what is new of it and returns why it ended.
   * Throws as `streamChat` does.
   */
  async *answer(
    body: ChatCompletionCreate | CompletionCreate,
    options: ReadOptions = {},
  ): AsyncGenerator<string, FinishReason | null> {
    let finish: FinishReason | null = null;
    const chunks = 'messages' in body ? this.streamChat(body, options) : this.streamText(body, options);
    for await (const {
      choices: [choice],
    } of chunks) {
      if (choice === undefined) continue;
      finish = choice.finish_reason ?? finish;
      const text = 'text' in choice ? choice.text : choice.delta.content;
      if (text) yield text;
    }
    return finish;
  }

  private async *stream<T>(
    path: string,
    schema: z.ZodType<T>,
    body: ChatCompletionCreate | CompletionCreate,
    { signal }: ReadOptions,
  ): AsyncGenerator<T> {
    const { url } = this.connection;
    const response = await this.connection.send('POST', path, {
      json: { ...body, stream: true },
      headers: { accept: 'text/event-stream' },
      signal,
    });
    try {
      for await (const { data } of eventsOf(response, { signal })) {
        if (data === '[DONE]') return;
        const json = parseJson(data);
        const parsed = schema.safeParse(json);
        if (parsed.success) yield parsed.data;
        else {
          throw (
            errorInBody(json, response.status) ??
            unexpectedAnswer(url, `POST ${path}: ${firstIssue(parsed.error)}`)
          );
        }
      }
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
    }
    throw new LowrankError('server_unreachable', 'the answer broke off before its end: ask again', {
      details: { url },
    });
  }
}
