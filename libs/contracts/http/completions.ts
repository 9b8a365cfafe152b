/** Prompts and their answers, in OpenAI's shapes: chats, and texts to go on with. */
import { z } from 'zod';
import { chatLogprobs, textLogprobs, toolCall } from '#contracts/http/answer-fields.js';
import { chatFields, schemasOf, textFields } from '#contracts/http/completion-fields.js';
import { unixSeconds } from '#contracts/http/pages.js';

export const chatCompletionCreate = z
  // Nothing reads the fields of the other route.
  .object({ ...(schemasOf(chatFields.others) as object), ...schemasOf(chatFields.own) })
  .superRefine((request, context) => {
    const refuse = (field: string, message: string, fix: string) =>
      context.addIssue({ code: 'custom', path: [field], message, params: { fix } });
    const { tools, tool_choice: choice, top_logprobs: top, logprobs, response_format: format } = request;
    const names = tools?.map((tool) => tool.function.name) ?? [];
    if (top && logprobs !== true)
      refuse('top_logprobs', 'has no effect without logprobs', 'set logprobs to true');
    if (choice === 'required' && names.length === 0)
      refuse('tool_choice', 'asks for a call, but there are no tools', 'give tools');
    if (typeof choice === 'object' && choice !== null && !names.includes(choice.function.name)) {
      refuse('tool_choice', 'names a function that is not among the tools', 'give it in tools');
    }
    if (names.length > 0 && choice !== 'none' && format && format.type !== 'text') {
      refuse('response_format', 'contradicts tools: a call is no such answer', 'give one of them');
    }
  })
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

/** `stop`: the model or a stop text ended the answer; `length`: there was no room for more; `tool_calls`: it calls tools. */
export const finishReason = z.enum(['stop', 'length', 'tool_calls']);
export type FinishReason = z.infer<typeof finishReason>;

export const completionUsage = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
});
export type CompletionUsage = z.infer<typeof completionUsage>;

const head = {
  id: z.string(),
  created: unixSeconds,
  model: z.string(),
  /** In what numbers the base model answered, where not as its files have it. */
  base_precision: z.string().optional(),
};
const index = z.int();
const chatChoice = { index, logprobs: chatLogprobs.nullable() };
const textChoice = { index, logprobs: textLogprobs.nullable() };

export const chatCompletion = z
  .object({
    ...head,
    object: z.literal('chat.completion'),
    choices: z.array(
      z.object({
        ...chatChoice,
        message: z.object({
          role: z.literal('assistant'),
          /** Null where the answer is calls and nothing else. */
          content: z.string().nullable(),
          refusal: z.null(),
          tool_calls: z.array(toolCall).optional(),
        }),
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
        ...chatChoice,
        delta: z.object({
          role: z.literal('assistant').optional(),
          content: z.string().optional(),
          tool_calls: z.array(toolCall.extend({ index })).optional(),
        }),
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
    choices: z.array(z.object({ ...textChoice, text: z.string(), finish_reason: finishReason.nullable() })),
    /** As in the pieces of a chat. */
    usage: completionUsage.nullish(),
    obfuscation: z.string().optional(),
  })
  .meta({ id: 'Completion' });
export type TextCompletion = z.infer<typeof textCompletion>;
