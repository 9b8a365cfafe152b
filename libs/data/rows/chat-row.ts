/** Rows of messages, as OpenAI's fine-tuning API and most other tools have them. */
import type { Report } from '#data/field-report.js';
import { checkLearnable, readMessages } from '#data/rows/messages.js';
import type { RowShape } from '#data/rows/row-shape.js';

export const chatShape: RowShape = {
  kinds: ['chat'],
  fields: ['messages', 'tools', 'parallel_tool_calls'],
  structured: ['messages', 'tools'],

  detects: (fields) => 'messages' in fields,

  read(fields, report) {
    const messages = readMessages(fields.messages, 'messages', report);
    const tools = readTools(fields.tools, report);
    if (!messages || !tools || !checkLearnable(messages, 'messages', report)) return undefined;
    return { kind: 'chat', messages, ...(tools.length > 0 ? { tools } : {}) };
  },
};

/** Tools as OpenAI writes them, an empty list where there are none; undefined if a problem was reported. */
export function readTools(tools: unknown, report: Report): readonly unknown[] | undefined {
  if (tools === undefined) return [];
  if (Array.isArray(tools) && tools.every((tool) => typeof tool === 'object' && tool !== null)) return tools;
  report('tools', 'wrong_type', '"tools" must be a list of objects, as in the chat completions API.');
  return undefined;
}
