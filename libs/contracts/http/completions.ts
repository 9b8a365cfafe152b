/** Prompts and their answers, in OpenAI's shapes: chats, and texts to go on with. */
import { z } from 'zod';
import { mostMembers } from '#contracts/http/compositions.js';
import { unixSeconds } from '#contracts/http/pages.js';

/** An adapter, or the adapter in a checkpoint, with a weight of either sign. */
const member = z.strictObject({
  /** Id of an adapter; or `checkpoint`. */
  adapter: z.string().min(1).max(200).optional(),
  /** Id of a checkpoint. */
  checkpoint: z.string().min(1).max(200).optional(),
  weight: z.number(),
});

const stopText = z.string().min(1).max(1000);
const count = z.int().min(1).max(10_000_000);

/** Fields that clients send with the only value that means something here. */
const neutral = {
  n: z.literal(1).nullish(),
  frequency_penalty: z.literal(0).nullish(),
  presence_penalty: z.literal(0).nullish(),
  logit_bias: z.strictObject({}).nullish(),
  user: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  service_tier: z.enum(['auto', 'default']).nullish(),
};

const shared = {
  /** A base model or a fine-tuned model by name, or the id of an adapter or checkpoint. */
  model: z.string().min(1).max(500),
  /** Most tokens of the answer. */
  max_tokens: count.nullish(),
  /** 0 takes the likeliest token. */
  temperature: z.number().min(0).max(2).nullish(),
  /** Tokens come from the likeliest ones that make up this share. */
  top_p: z.number().min(0).max(1).nullish(),
  /** The same request with the same seed has the same answer. */
  seed: z.int().nullish(),
  /** Texts before which the answer ends. */
  stop: z.union([stopText, z.array(stopText).max(4)]).nullish(),
  /** Whether the answer comes piece by piece, as server-sent events. */
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({
      /** Whether a last piece counts the tokens. */
      include_usage: z.boolean().nullish(),
      include_obfuscation: z.boolean().nullish(),
    })
    .nullish(),
  /** Adapters to add to the base model `model`, which is not changed by it; all weights 0 = the base model itself. */
  members: z.array(member).min(1).max(mostMembers).optional(),
  ...neutral,
};

const textPart = z.strictObject({ type: z.literal('text'), text: z.string() });

export const chatCompletionCreate = z
  .strictObject({
    ...shared,
    messages: z
      .array(
        z.strictObject({
          role: z.enum(['system', 'developer', 'user', 'assistant']),
          content: z.union([z.string(), z.array(textPart).min(1)], {
            error: 'is neither a text nor a list of parts of the type "text"',
          }),
          name: z.string().optional(),
        }),
      )
      .min(1)
      .max(10_000),
    /** The newer name of `max_tokens`, which it wins over. */
    max_completion_tokens: count.nullish(),
    logprobs: z.literal(false).nullish(),
    response_format: z.strictObject({ type: z.literal('text') }).nullish(),
    tools: z.array(z.unknown()).max(0, 'has tools, which are not supported').nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    tool_choice: z.enum(['none', 'auto']).nullish(),
    store: z.literal(false).nullish(),
  })
  .meta({ id: 'CreateChatCompletion' });
export type ChatCompletionCreate = z.input<typeof chatCompletionCreate>;
export type ChatCompletionRequest = z.output<typeof chatCompletionCreate>;

export const completionCreate = z
  .strictObject({
    ...shared,
    /** The text to go on with. */
    prompt: z.string(),
    logprobs: z.literal(0).nullish(),
    best_of: z.literal(1).nullish(),
    echo: z.literal(false).nullish(),
    suffix: z.literal('').nullish(),
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
const place = { index: z.literal(0), logprobs: z.null() };

export const chatCompletion = z
  .object({
    ...head,
    object: z.literal('chat.completion'),
    choices: z.array(
      z.object({
        ...place,
        message: z.object({ role: z.literal('assistant'), content: z.string(), refusal: z.null() }),
        finish_reason: finishReason,
      }),
    ),
    usage: completionUsage,
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
        ...place,
        delta: z.object({ role: z.literal('assistant').optional(), content: z.string().optional() }),
        finish_reason: finishReason.nullable(),
      }),
    ),
    usage: completionUsage.nullish(),
  })
  .meta({ id: 'ChatCompletionChunk' });
export type ChatCompletionChunk = z.infer<typeof chatCompletionChunk>;

export const textCompletion = z
  .object({
    ...head,
    object: z.literal('text_completion'),
    choices: z.array(z.object({ ...place, text: z.string(), finish_reason: finishReason.nullable() })),
    /** As in the pieces of a chat. */
    usage: completionUsage.nullish(),
  })
  .meta({ id: 'Completion' });
export type TextCompletion = z.infer<typeof textCompletion>;
