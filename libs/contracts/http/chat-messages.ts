/** The messages of a chat, in all the forms in which OpenAI's clients write them, our own answers among them. */
import { z } from 'zod';
import { boundedArray } from '#base/bounded-schemas.js';

/** No longer than a whole body may be. */
const text = z.string().max(1_048_576);
const maxParts = 1000;
const textPart = z.object({ type: z.literal('text'), text });
const refusalPart = z.object({ type: z.literal('refusal'), refusal: text });

const noText = { error: 'is neither a text nor a list of parts of the type "text"' };
const content = z.union([text, boundedArray(textPart, { min: 1, max: maxParts })], noText);
const name = z.string().max(200).nullish();

const called = z.object({ name: z.string().min(1).max(200), arguments: text });
const toolCall = z.object({
  id: z.string().max(200).nullish(),
  type: z.literal('function', 'must be "function": other tools are not supported').default('function'),
  function: called,
});

const fromPerson = (role: 'system' | 'developer' | 'user') =>
  z.object({ role: z.literal(role), content, name });

const fromAssistant = z
  .object({
    role: z.literal('assistant'),
    content: z
      .union([text, boundedArray(z.union([textPart, refusalPart]), { min: 1, max: maxParts })], noText)
      .nullish(),
    /** What the assistant said where it refused to answer. */
    refusal: text.nullish(),
    name,
    tool_calls: boundedArray(toolCall, { max: 128 }).nullish(),
    /** The older form of one of `tool_calls`. */
    function_call: called.nullish(),
    /** Our own: what the assistant thought, under any of the names that clients give it. */
    reasoning_content: text.nullish(),
    reasoning: text.nullish(),
    thinking: text.nullish(),
    audio: z.null('is not supported: the models here read text only').optional(),
  })
  .refine(
    ({ content, refusal, tool_calls: calls, function_call: call }) =>
      typeof (content ?? refusal) === 'string' ||
      Array.isArray(content) ||
      (calls?.length ?? 0) > 0 ||
      !!call,
    { path: ['content'], error: 'is missing; only a message with tool_calls or a refusal does without it' },
  );

export const chatMessage = z.discriminatedUnion('role', [
  fromPerson('system'),
  fromPerson('developer'),
  fromPerson('user'),
  fromAssistant,
  z.object({ role: z.literal('tool'), content, tool_call_id: z.string().max(200).nullish(), name }),
  z.object({ role: z.literal('function'), content: content.nullable(), name }),
]);
export type ChatMessage = z.output<typeof chatMessage>;
