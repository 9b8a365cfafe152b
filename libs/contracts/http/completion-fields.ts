/**
 * What becomes of every field that OpenAI's API has in a completion. Nothing that a request says is dropped in silence: a
 * field does what it says, or changes nothing about an answer here whatever it says, or is refused.
 */
import { z } from 'zod';
import { logitBias, penalty, responseFormat, toolChoice, tools } from '#contracts/http/answer-fields.js';
import { chatMessage } from '#contracts/http/chat-messages.js';
import { memberFields, maxMembers } from '#contracts/http/compositions.js';
import { objectId } from '#contracts/http/pages.js';
import { anyValue, boundedArray, boundedRecord } from '#base/bounded-schemas.js';
import { quote } from '#base/quote.js';

/**
 * `honoured`: it does what it says. `neutral`: only with the values that change nothing; any other asks for what is not
 * done here, and is refused. `ignored`: taken with any value, since no answer could be another for it.
 */
export interface FieldRule<S extends z.ZodType = z.ZodType> {
  readonly kind: 'honoured' | 'neutral' | 'ignored';
  readonly schema: S;
  /** Of a field that is honoured: values with which it says nothing. */
  readonly idle?: readonly unknown[];
}

const honoured = <S extends z.ZodType>(schema: S, ...idle: unknown[]): FieldRule<S> => ({
  kind: 'honoured',
  schema,
  idle,
});

const ignored = <S extends z.ZodType>(schema: S): FieldRule<z.ZodOptional<z.ZodNullable<S>>> => ({
  kind: 'ignored',
  schema: schema.nullish(),
});

/** Null, and the values that say no more than it. */
function neutral(why: string, ...values: readonly unknown[]): FieldRule<z.ZodOptional<z.ZodType>> {
  const texts = ['null', ...values.map((value) => JSON.stringify(value))];
  return {
    kind: 'neutral',
    schema: z
      .unknown()
      .refine((value) => value === undefined || texts.includes(quote(value)), {
        error: ({ input }) => `${quote(input, 60)} is not supported: ${why}`,
        params: {
          fix: `leave it out${values.length === 0 ? '' : `, or give ${texts.slice(1).join(' or ')}`}`,
        },
      })
      .optional()
      .meta({ enum: [null, ...values] }),
  };
}

const count = z.int().min(1).max(10_000_000);
/** Any whole number of 64 bits; beyond 2^53 the last digits are lost with the JSON. */
const seed = z
  .number()
  .min(-(2 ** 63))
  .max(2 ** 63)
  .refine((value) => Number.isInteger(value), 'is not a whole number')
  .meta({ type: 'integer' });
const stopText = z.string().min(1).max(1000);
const label = z.string().max(1000);

/** An adapter, or the adapter in a checkpoint, with a weight of either sign. */
const member = z.strictObject({ ...memberFields, weight: z.number() });

const older = 'it is the older form of tools; give these';

const ofBoth = {
  /** A base model or a fine-tuned model by name, or the id of an adapter or checkpoint. */
  model: honoured(objectId),
  /** Most tokens of the answer. */
  max_tokens: honoured(count.nullish()),
  /** 0 takes the likeliest token. */
  temperature: honoured(z.number().min(0).max(2).nullish()),
  /** Tokens come from the likeliest ones that make up this share. */
  top_p: honoured(z.number().min(0).max(1).nullish()),
  /** How many answers to each prompt. */
  n: honoured(z.int().min(1).max(128).nullish()),
  /** The same request with the same seed has the same answer. */
  seed: honoured(seed.nullish()),
  /** Texts before which the answer ends. */
  stop: honoured(z.union([stopText, z.array(stopText).max(4)]).nullish()),
  /** Whether the answer comes piece by piece, as server-sent events. */
  stream: honoured(z.boolean().nullish()),
  stream_options: honoured(
    z
      .object({
        /** Whether a last piece counts the tokens. */
        include_usage: z.boolean().nullish(),
        /** Whether pieces are filled up to lengths that tell nothing of their text. */
        include_obfuscation: z.boolean().nullish(),
      })
      .nullish(),
  ),
  /** Our own: adapters to add to the base model `model`; all weights 0 = the base model itself. */
  members: honoured(z.array(member).min(1).max(maxMembers).nullish()),
  /** Makes tokens less likely for every time that the answer has them; below 0 more likely. */
  frequency_penalty: honoured(penalty.nullish()),
  /** Makes tokens less likely that the answer has. */
  presence_penalty: honoured(penalty.nullish()),
  /** Added to the logits of token ids. */
  logit_bias: honoured(logitBias.nullish()),
  user: ignored(label),
};

const ofChats = {
  ...ofBoth,
  messages: honoured(boundedArray(chatMessage, { min: 1, max: 4096 })),
  /** The newer name of `max_tokens`, which it wins over. */
  max_completion_tokens: honoured(count.nullish()),
  audio: neutral('the models here write text only'),
  modalities: neutral('the models here write text only', ['text']),
  function_call: neutral(older, 'none', 'auto'),
  functions: neutral(older, []),
  /** Shown by the model's chat template; calls in the answer are told apart where it is known how the model writes them. */
  tools: honoured(tools.nullish(), []),
  tool_choice: honoured(toolChoice.nullish(), 'none', 'auto'),
  /** With false the first call of an answer is the only one. */
  parallel_tool_calls: honoured(z.boolean().nullish(), true, false),
  /** Whether to tell the probability of each token. */
  logprobs: honoured(z.boolean().nullish(), false),
  /** How many of the likeliest tokens to tell at each place. */
  top_logprobs: honoured(z.int().min(0).max(20).nullish(), 0),
  response_format: honoured(responseFormat.nullish(), { type: 'text' }),
  // OpenAI's own defaults say nothing either.
  reasoning_effort: neutral('how much a model thinks cannot be set', 'none', 'medium'),
  verbosity: neutral('how much a model says cannot be set', 'medium'),
  moderation: neutral('nothing is moderated'),
  web_search_options: neutral('nothing is searched for'),
  store: neutral('conversations are not stored', false),
  metadata: ignored(boundedRecord(label, z.string().max(1000), 64)),
  prediction: ignored(anyValue(1_048_576)),
  prompt_cache_key: ignored(label),
  prompt_cache_options: ignored(anyValue()),
  prompt_cache_retention: ignored(label),
  safety_identifier: ignored(label),
  service_tier: ignored(label),
};

type Prompt = string | string[] | number[] | number[][];

const longestText = 1_048_576;
const maxPrompts = 128;
const maxTokens = 524_288;
const largestToken = 2 ** 31;
const tokenList = {
  type: 'array',
  items: { type: 'integer', minimum: 0, maximum: largestToken },
  minItems: 1,
  maxItems: maxTokens,
};

/** By hand: zod would keep an issue for each of a million entries that are wrong. */
function isPrompt(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= longestText;
  if (!Array.isArray(value) || value.length === 0) return false;
  if (isTokens(value)) return true;
  const isTextOrTokens =
    typeof value[0] === 'string' ? (each: unknown) => typeof each === 'string' : isTokens;
  return value.length <= maxPrompts && value.every(isTextOrTokens);
}

function isTokens(value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0 || value.length > maxTokens) return false;
  return value.every(
    (token: unknown) =>
      Number.isInteger(token) && (token as number) >= 0 && (token as number) <= largestToken,
  );
}

const ofTexts = {
  ...ofBoth,
  /** A text to go on with or its token ids, or up to 128 of either; null begins a new document. */
  prompt: honoured(
    z
      .custom<Prompt>(
        isPrompt,
        'is neither a text, a list of texts, a list of token ids nor a list of such lists',
      )
      .meta({
        anyOf: [
          { type: 'string', maxLength: longestText },
          {
            type: 'array',
            items: { type: 'string', maxLength: longestText },
            minItems: 1,
            maxItems: maxPrompts,
          },
          tokenList,
          { type: 'array', items: tokenList, minItems: 1, maxItems: maxPrompts },
        ],
      })
      .nullable(),
  ),
  /** As many as `n`: no answer is chosen among more. */
  best_of: honoured(z.int().min(1).max(128).nullish(), 1),
  echo: neutral('the prompt is not repeated', false),
  suffix: neutral('nothing can be put in before a text', ''),
  /** How many of the likeliest tokens to tell at each place, with the probability of each token. */
  logprobs: honoured(z.int().min(0).max(5).nullish()),
};

/** Fields of the other route: what changes nothing there changes nothing here, and what it does is not done here. */
function ofOther(
  own: Readonly<Record<string, FieldRule>>,
  other: Readonly<Record<string, FieldRule>>,
  route: string,
): Readonly<Record<string, FieldRule>> {
  const others = Object.entries(other).filter(([name]) => !Object.hasOwn(own, name));
  const why = `it is a field of POST ${route}`;
  return Object.fromEntries(
    others.map(([name, rule]) => [
      name,
      rule.kind === 'honoured' ? neutral(why, ...(rule.idle ?? [])) : rule,
    ]),
  );
}

/** Every field that the two routes of OpenAI's API have, as a chat takes it. */
export const chatFields = { own: ofChats, others: ofOther(ofChats, ofTexts, '/v1/completions') };
/** The same as a completion of a text takes it. */
export const textFields = { own: ofTexts, others: ofOther(ofTexts, ofChats, '/v1/chat/completions') };

type Schemas<Rules extends Record<string, FieldRule>> = { [Name in keyof Rules]: Rules[Name]['schema'] };

/** The schemas of a table. */
export function schemasOf<Rules extends Record<string, FieldRule>>(rules: Rules): Schemas<Rules> {
  const entries = Object.entries(rules).map(([name, { schema }]) => [name, schema] as const);
  return Object.fromEntries(entries) as Schemas<Rules>;
}
