/** Probabilities of tokens in OpenAI's two shapes. */
import type { ScoredText } from '#contracts/generator-calls.js';
import type { ChatLogprobs, TextLogprobs } from '#contracts/http/answer-fields.js';

type Scored = Omit<ScoredText, 'top'>;

export function chatLogprobsOf(tokens: readonly ScoredText[]): ChatLogprobs {
  const view = ({ text: token, bytes, logprob }: Scored) => ({ token, bytes, logprob });
  return {
    content: tokens.map((token) => ({ ...view(token), top_logprobs: token.top.map(view) })),
    refusal: null,
  };
}

/** `offset`: where the first of the tokens begins in the answer; `top`: whether likeliest tokens were asked for. */
export function textLogprobsOf(
  tokens: readonly ScoredText[],
  { offset, top }: { readonly offset: number; readonly top: boolean },
): TextLogprobs {
  let place = offset;
  const offsets = tokens.map(({ text }) => {
    const begun = place;
    place += text.length;
    return begun;
  });
  return {
    tokens: tokens.map(({ text }) => text),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: top
      ? tokens.map(({ top: likeliest }) =>
          Object.fromEntries(likeliest.map(({ text, logprob }) => [text, logprob])),
        )
      : null,
    text_offset: offsets,
  };
}
