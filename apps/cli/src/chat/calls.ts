/** What the command asks of the process that computes. */
import { z } from 'zod';
import type { Methods } from '#contracts/process-calls.js';

export const chatTask = z.object({
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

export const chatAnswer = z.object({
  text: z.string(),
  finish_reason: z.enum(['stop', 'length']),
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  /** What people should know of the adapter. */
  notes: z.array(z.string()),
});
export type ChatAnswer = z.infer<typeof chatAnswer>;

export const chatMethods = {
  /** Its updates are the text as it comes. */
  answer: { input: chatTask, update: z.string(), result: chatAnswer },
} satisfies Methods;
