/** What rows hold that only some chat templates show, told before anybody knows the model. */
import type { TrainingMessage } from '#data/chat.js';
import { partsOf } from '#data/message-parts.js';
import type { RowNote } from '#data/row-notes.js';
import type { Row } from '#data/rows/row.js';
import { formMessage, usualForm } from '#data/template-messages.js';

/** Notes of the tools, tool calls, reasoning and further fields of messages in a row. */
export function contentsOf(row: Row): RowNote[] {
  if (row.kind === 'preference') return [...contentsOf(row.chosen), ...contentsOf(row.rejected)];
  if (row.kind !== 'chat') return [];
  const notes: RowNote[] = row.tools ? [{ code: 'holds_tools', subject: 'tools' }] : [];
  for (const [index, message] of row.messages.entries()) {
    if (isPlain(message)) continue;
    for (const { kind, field } of partsOf(formMessage(message, usualForm), index)) {
      if (kind === 'tool_calls') notes.push({ code: 'holds_tool_calls', subject: field });
      if (kind === 'reasoning') notes.push({ code: 'holds_reasoning', subject: 'reasoning' });
      if (kind === 'field') notes.push({ code: 'holds_field', subject: field });
    }
  }
  return notes;
}

/** Most messages have a role and a content, and nothing else to look at. */
function isPlain(message: TrainingMessage): boolean {
  for (const field in message) if (field !== 'role' && field !== 'content') return false;
  return !message.content?.includes('</think>');
}
