/** Probabilities of tokens as chats and texts are answered with. */
import type { ChatCompletionChunk, TextCompletion } from '#contracts/http/completions.js';
import type { ScoredToken } from './conversation.js';

type Choice = ChatCompletionChunk['choices'][number] | TextCompletion['choices'][number];

/** The tokens of a piece of an answer; none where nobody asked for their probabilities. */
export function scoredTokensOf({ logprobs }: Choice): ScoredToken[] {
  if (!logprobs) return [];
  if ('content' in logprobs)
    return logprobs.content.map(({ token, logprob, top_logprobs: top }) => ({
      text: token,
      logprob,
      top: top.map((other) => ({ text: other.token, logprob: other.logprob })),
    }));
  return logprobs.tokens.map((text, i) => ({
    text,
    logprob: logprobs.token_logprobs[i]!,
    top: Object.entries(logprobs.top_logprobs?.[i] ?? {}).map(([token, logprob]) => ({
      text: token,
      logprob,
    })),
  }));
}
