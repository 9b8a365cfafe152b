/** An answer as it grows. */
import type { CompletionsClient } from '#client/completions.js';
import type { ChatCompletionCreate, CompletionCreate } from '#contracts/http/completions.js';
import { scoredTokensOf } from './scored-tokens.js';
import { type Answer, noAnswer } from './conversation.js';

/** Often enough to be read along, and seldom enough to leave the processor to the model. */
const showEveryMs = 60;

type Asked = Pick<CompletionsClient, 'streamChat' | 'streamText'>;

/** Ends with an answer that is done, also if it was refused, broke off or was stopped: it throws nothing. */
export async function* streamAnswer(
  client: Asked,
  request: ChatCompletionCreate | CompletionCreate,
  signal: AbortSignal,
  now: () => number = () => performance.now(),
): AsyncGenerator<Answer> {
  const began = now();
  const elapsed = () => (now() - began) / 1000;
  let answer: Answer = { ...noAnswer, state: 'writing' };
  let tokens: number | null = null;
  let firstSeconds: number | null = null;
  let shown = -Infinity;
  const body = { ...request, stream_options: { include_usage: true } };
  const ended = (rest: Partial<Answer>): Answer => ({
    ...answer,
    state: 'done',
    stats: { tokens, seconds: elapsed(), firstSeconds },
    ...rest,
  });
  try {
    const pieces =
      'messages' in body ? client.streamChat(body, { signal }) : client.streamText(body, { signal });
    for await (const { choices, usage } of pieces) {
      tokens = usage?.completion_tokens ?? tokens;
      const [choice] = choices;
      if (choice === undefined) continue;
      const text = 'text' in choice ? choice.text : choice.delta.content;
      if (text) firstSeconds ??= elapsed();
      const scored = scoredTokensOf(choice);
      answer = {
        ...answer,
        ...(scored.length > 0 && { tokens: [...(answer.tokens ?? []), ...scored] }),
        content: answer.content + (text ?? ''),
        finish: choice.finish_reason ?? answer.finish,
      };
      if (now() - shown < showEveryMs) continue;
      shown = now();
      yield answer;
    }
    yield ended({});
  } catch (error) {
    if (signal.aborted) yield ended({ finish: 'stopped' });
    else yield ended({ error: (error as Error).message });
  }
}
