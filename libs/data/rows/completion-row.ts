/** Rows of a prompt and its completion, as texts or, as TRL has them too, as messages. */
import type { Report } from '#data/field-report.js';
import type { Fields } from '#data/formats/row-source.js';
import { readTools } from '#data/rows/chat-row.js';
import { checkLearnable, readMessages } from '#data/rows/messages.js';
import type { ChatRow } from '#data/rows/row.js';
import { readText, type RowShape } from '#data/rows/row-shape.js';

export const completionShape: RowShape = {
  kinds: ['completion', 'chat'],
  fields: ['prompt', 'completion', 'tools'],
  structured: ['tools'],
  messagesOrText: ['prompt', 'completion'],

  detects(fields) {
    const isBoth = 'prompt' in fields && 'completion' in fields;
    return isBoth || (('prompt' in fields || 'completion' in fields) && !('text' in fields));
  },

  read(fields, report) {
    if (Array.isArray(fields.prompt) && Array.isArray(fields.completion))
      return readConversation(fields, report);
    const prompt = readText(fields, 'prompt', report, { mayBeEmpty: true });
    const completion = readText(fields, 'completion', report);
    return prompt !== undefined && completion !== undefined
      ? { kind: 'completion', prompt, completion }
      : undefined;
  },
};

/** A conversation of which only the turns of the completion are learned. */
function readConversation(fields: Fields, report: Report): ChatRow | undefined {
  const prompt = readMessages(fields.prompt, 'prompt', report, { mayBeEmpty: true });
  const completion = readMessages(fields.completion, 'completion', report);
  const tools = readTools(fields.tools, report);
  if (!prompt || !completion || !tools || !checkLearnable(completion, 'completion', report)) return undefined;
  const context = prompt.map((message) =>
    message.role === 'assistant' ? { ...message, weight: 0 as const } : message,
  );
  return {
    kind: 'chat',
    messages: [...context, ...completion],
    ...(tools.length > 0 ? { tools } : {}),
  };
}
