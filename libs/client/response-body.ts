/** The body of an answer as it comes. */
import { ConnectionError } from './transport.js';

export interface ReadOptions {
  readonly signal?: AbortSignal;
  /** How long the server may send nothing before the connection counts as broken; default: no limit. */
  readonly silenceMs?: number;
}

/** Throws ConnectionError where the body breaks off, and the signal's reason. Whoever stops reading ends the answer. */
export async function* chunksOf(
  response: Response,
  { signal, silenceMs }: ReadOptions = {},
): AsyncGenerator<Uint8Array> {
  // Not every browser can iterate over a stream.
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await (
        silenceMs === undefined ? reader.read() : within(silenceMs, reader.read())
      ).catch((cause: unknown) => {
        signal?.throwIfAborted();
        throw new ConnectionError(cause, 'broken');
      });
      if (done) return;
      yield value as Uint8Array;
    }
  } finally {
    // It may wait for what never comes.
    void reader.cancel().catch(() => undefined);
  }
}

/** The body as text. Throws as `chunksOf` does. */
export async function textOf(response: Response, signal?: AbortSignal): Promise<string> {
  try {
    return await response.text();
  } catch (cause) {
    signal?.throwIfAborted();
    throw new ConnectionError(cause, 'broken');
  }
}

async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    const fail = () => reject(new Error(`nothing came for ${Math.round(milliseconds / 1000)} s`));
    timer = setTimeout(fail, milliseconds);
  });
  try {
    return await Promise.race([work, silence]);
  } finally {
    clearTimeout(timer);
  }
}
