/**
 * What the API tells the process that answers prompts, and what it hears from it. The arguments of the process are the
 * folder for its caches and the bytes of its own memory beyond which it lets models go that wait for another prompt.
 */
import { z } from 'zod';
import { errorFacts } from '#contracts/error-facts.js';

const member = z.object({
  /** What messages call it. */
  name: z.string(),
  folder: z.string(),
  /** Of its files: members with the same one are the same. */
  digest: z.string(),
  weight: z.number(),
});

/** One prompt. */
export const generatorTask = z.object({
  type: z.literal('task'),
  id: z.int(),
  base: z.object({
    folder: z.string(),
    identity: z.string(),
    /** Whether its files were seen to be those of the identity just now. */
    verified: z.boolean(),
  }),
  /** Empty for the base model alone. */
  members: z.array(member),
  /** A conversation whose next turn is the assistant's, or a text to go on with. */
  prompt: z.union([z.string(), z.array(z.object({ role: z.string(), content: z.string() }))]),
  /** Null for as many as the model takes. */
  max_tokens: z.int().nullable(),
  temperature: z.number(),
  top_p: z.number(),
  seed: z.int(),
  stop: z.array(z.string()),
});
export type GeneratorTask = z.infer<typeof generatorTask>;

export const generatorCommand = z.discriminatedUnion('type', [
  generatorTask,
  /** Ends an answer at its next token. */
  z.object({ type: z.literal('cancel'), id: z.int() }),
]);
export type GeneratorCommand = z.infer<typeof generatorCommand>;

export const generatorMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), id: z.int(), text: z.string() }),
  z.object({
    type: z.literal('done'),
    id: z.int(),
    finish_reason: z.enum(['stop', 'length']),
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
  }),
  z.object({ type: z.literal('failed'), id: z.int(), error: errorFacts }),
]);
export type GeneratorMessage = z.infer<typeof generatorMessage>;
export type GeneratedAnswer = Extract<GeneratorMessage, { type: 'done' }>;
