/** Prompts and their answers, in OpenAI's shapes: chats, and texts to go on with. */
import { z } from 'zod';
import { chatFields, schemasOf, textFields } from '#contracts/http/completion-fields.js';
import { unixSeconds } from '#contracts/http/pages.js';

export const chatCompletionCreate = z
  // Nothing reads the fields of the other route.
  .object({ ...(schemasOf(chatFields.others) as object), ...schemasOf(chatFields.own) })
  .meta({ id: 'CreateChatCompletion' });
export type ChatCompletionCreate = z.input<typeof chatCompletionCreate>;
export type ChatCompletionRequest = z.output<typeof chatCompletionCreate>;

export const completionCreate = z
  .object({ ...(schemasOf(textFields.others) as object), ...schemasOf(textFields.own) })
  .superRefine(({ n, best_of: best }, context) => {
    if (best === undefined || best === null || best === (n ?? 1)) return;
    const message = `${best} is not supported: no answer is chosen among several`;
    context.addIssue({ code: 'custom', path: ['best_of'], message, params: { fix: 'leave it out' } });
  })
  .meta({ id: 'CreateCompletion' });
export type CompletionCreate = z.input<typeof completionCreate>;
export type CompletionRequest = z.output<typeof completionCreate>;

/** `stop`: the model or a stop text ended the answer; `length`: there was no room for more. */
export const finishReason = z.enum(['stop', 'length']);
export type FinishReason = z.infer<typeof finishReason>;

export const completionUsage = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
});
export type CompletionUsage = z.infer<typeof completionUsage>;

const head = { id: z.string(), created: unixSeconds, model: z.string() };
const choice = { index: z.int(), logprobs: z.null() };

export const chatCompletion = z
  .object({
    ...head,
    object: z.literal('chat.completion'),
    choices: z.array(
      z.object({
        ...choice,
        message: z.object({ role: z.literal('assistant'), content: z.string(), refusal: z.null() }),
        finish_reason: finishReason,
      }),
    ),
    usage: completionUsage,
    /** Where the request names one. */
    service_tier: z.literal('default').optional(),
  })
  .meta({ id: 'ChatCompletion' });
export type ChatCompletion = z.infer<typeof chatCompletion>;

/** With `usage` on every piece if it was asked for: null on all but the last, which has no choices. */
export const chatCompletionChunk = z
  .object({
    ...head,
    object: z.literal('chat.completion.chunk'),
    choices: z.array(
      z.object({
        ...choice,
        delta: z.object({ role: z.literal('assistant').optional(), content: z.string().optional() }),
        finish_reason: finishReason.nullable(),
      }),
    ),
    usage: completionUsage.nullish(),
    service_tier: z.literal('default').optional(),
    obfuscation: z.string().optional(),
  })
  .meta({ id: 'ChatCompletionChunk' });
export type ChatCompletionChunk = z.infer<typeof chatCompletionChunk>;

export const textCompletion = z
  .object({
    ...head,
    object: z.literal('text_completion'),
    choices: z.array(z.object({ ...choice, text: z.string(), finish_reason: finishReason.nullable() })),
    /** As in the pieces of a chat. */
    usage: completionUsage.nullish(),
    obfuscation: z.string().optional(),
  })
  .meta({ id: 'Completion' });
export type TextCompletion = z.infer<typeof textCompletion>;
