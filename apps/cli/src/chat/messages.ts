/** What the command and the process that computes say to each other over IPC. */
import { z } from 'zod';
import { errorFacts } from '#contracts/error-facts.js';

export const chatTask = z.object({
  type: z.literal('task'),
  /** Folder of the base model. */
  base: z.string(),
  /** Folder of the adapter; null for the base model alone. */
  adapter: z.string().nullable(),
  /** Digest that the base must have, where an adapter was trained on one. */
  baseIdentity: z.string().nullable(),
  /** A conversation, or a text to go on with. */
  prompt: z.union([z.string(), z.array(z.object({ role: z.string(), content: z.string() }))]),
  maxTokens: z.int().positive(),
  temperature: z.number().min(0),
  seed: z.int().nonnegative(),
  /** Folder for compiled graphs. */
  cache: z.string(),
});
export type ChatTask = z.infer<typeof chatTask>;

export const chatMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({
    type: z.literal('done'),
    text: z.string(),
    finish_reason: z.enum(['stop', 'length']),
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
  }),
  z.object({ type: z.literal('failed'), error: errorFacts }),
]);
export type ChatMessageOut = z.infer<typeof chatMessage>;
export type ChatAnswer = Extract<ChatMessageOut, { type: 'done' }>;
