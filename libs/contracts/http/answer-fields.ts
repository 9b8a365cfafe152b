/** Fields of a completion that say what its answer must look like: tools, formats, probabilities, scores of tokens. */
import { z } from 'zod';
import { anyValue, boundedArray, boundedRecord } from '#base/bounded-schemas.js';

/** Characters of the JSON of a schema. */
const maxSchemaLength = 262_144;
/** As OpenAI allows them. */
const name = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'is not 1 to 64 letters, digits, "_" or "-"');
const description = z.string().max(65_536).nullish();

export const tools = boundedArray(
  z.object({
    type: z.literal('function', 'must be "function": other tools are not supported'),
    function: z.object({
      name,
      description,
      /** A JSON schema. */
      parameters: anyValue(maxSchemaLength).optional(),
      /** Arguments are not held to their schema, except where the answer must be a call. */
      strict: z.boolean().nullish(),
    }),
  }),
  { max: 128 },
);

/** `auto`: the model decides. `none`: it is shown no tools. `required`, or a function: the answer is one call. */
export const toolChoice = z.union(
  [
    z.enum(['none', 'auto', 'required']),
    z.object({ type: z.literal('function'), function: z.object({ name }) }),
  ],
  'is none of "none", "auto", "required" and {"type": "function", "function": {"name": ...}}',
);

/** `json_object`: any object. `json_schema`: what the schema allows, token by token. */
export const responseFormat = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.literal('text') }),
    z.object({ type: z.literal('json_object') }),
    z.object({
      type: z.literal('json_schema'),
      json_schema: z.object({
        name,
        description,
        schema: anyValue(maxSchemaLength).optional(),
        /** Answers always keep to the schema. */
        strict: z.boolean().nullish(),
      }),
    }),
  ],
  'is none of {"type": "text"}, {"type": "json_object"} and {"type": "json_schema", "json_schema": {"name": ..., "schema": {...}}}',
);

/** By token id: -100 rules a token out, 100 leaves hardly another. */
export const logitBias = boundedRecord(
  z.string().regex(/^\d{1,9}$/, 'is no token id'),
  z.number().min(-100).max(100),
  1024,
);

export const penalty = z.number().min(-2).max(2);

const scored = { token: z.string(), bytes: z.array(z.int()).nullable(), logprob: z.number() };

/** Of a chat. Probabilities are the model's own: before temperature, penalties and biases. */
export const chatLogprobs = z.object({
  content: z.array(z.object({ ...scored, top_logprobs: z.array(z.object(scored)) })),
  refusal: z.null(),
});
export type ChatLogprobs = z.infer<typeof chatLogprobs>;

/** Of a text. */
export const textLogprobs = z.object({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number()),
  /** By text; null where none were asked for. */
  top_logprobs: z.array(z.record(z.string(), z.number())).nullable(),
  /** Where each token begins in the answer. */
  text_offset: z.array(z.int()),
});
export type TextLogprobs = z.infer<typeof textLogprobs>;

export const toolCall = z.object({
  id: z.string(),
  type: z.literal('function'),
  /** Arguments are the text of a JSON object. */
  function: z.object({ name: z.string(), arguments: z.string() }),
});
export type ToolCallObject = z.infer<typeof toolCall>;
