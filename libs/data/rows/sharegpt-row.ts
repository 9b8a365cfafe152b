/** Rows of conversations as ShareGPT and LLaMA-Factory have them: `{"conversations": [{"from", "value"}]}`. */
import { parseExactJson } from '#data/exact-json.js';
import { describeType, type Report } from '#data/field-report.js';
import type { Fields } from '#data/formats/row-source.js';
import { readTools } from '#data/rows/chat-row.js';
import { checkLearnable, readMessages } from '#data/rows/messages.js';
import type { RowShape } from '#data/rows/row-shape.js';

const field = 'conversations';

/** The roles that its names stand for. */
const roles = new Map([
  ...['human', 'user'].map((name) => [name, 'user'] as const),
  ...['gpt', 'assistant', 'chatgpt', 'bing', 'bard', 'model', 'bot'].map(
    (name) => [name, 'assistant'] as const,
  ),
  ['system', 'system'],
  ...['observation', 'tool', 'function_response'].map((name) => [name, 'tool'] as const),
  ['function_call', 'assistant'],
]);

export const shareGptShape: RowShape = {
  kinds: ['chat'],
  fields: [field, 'system', 'tools'],
  structured: [field, 'tools'],

  detects: (fields) => field in fields,

  read(fields, report) {
    const named: Report = (path, code, message) =>
      report(path.replace(/\.role$/, '.from').replace(/\.content$/, '.value'), code, message);
    const turns = fields[field];
    const system = readSystem(fields.system, report);
    const tools = readTools(toolsOf(fields.tools), report);
    if (system === undefined || !tools) return undefined;
    // Messages that are written as OpenAI writes them under this name are read as such.
    const written = Array.isArray(turns)
      ? turns.map((turn, i) => messageOf(turn, `${field}[${i}]`, report))
      : turns;
    if (Array.isArray(written) && written.includes(undefined)) return undefined;
    const messages = readMessages(written, field, named);
    if (!messages || !checkLearnable(messages, field, named)) return undefined;
    return {
      kind: 'chat',
      messages: system === '' ? messages : [{ role: 'system', content: system }, ...messages],
      ...(tools.length > 0 ? { tools } : {}),
    };
  },
};

function readSystem(value: unknown, report: Report): string | undefined {
  if (value === undefined) return '';
  if (typeof value === 'string') return value;
  report('system', 'wrong_type', `"system" must be text, but is ${describeType(value)}.`);
  return undefined;
}

/** A turn as a message; undefined if a problem was reported. What is no turn is left for `readMessages`. */
function messageOf(turn: unknown, path: string, report: Report): unknown {
  if (typeof turn !== 'object' || turn === null || !('from' in turn)) return turn;
  const { from, value, ...rest } = turn as Fields;
  const role = typeof from === 'string' ? (roles.get(from) ?? from) : from;
  if (from !== 'function_call') return { ...rest, role, content: value };
  const calls = callsOf(value);
  if (calls) return { ...rest, role, tool_calls: calls };
  const problem =
    'a function call must be {"name": "...", "arguments": {...}} or a list of such, or its JSON as text.';
  report(`${path}.value`, 'wrong_type', problem);
  return undefined;
}

function callsOf(value: unknown): unknown[] | undefined {
  const calls = typeof value === 'string' ? jsonOf(value) : value;
  const all = Array.isArray(calls) ? calls : [calls];
  if (!all.every((call) => typeof (call as { name?: unknown } | null | undefined)?.name === 'string'))
    return undefined;
  return all.map((call) => ({ type: 'function', function: call as Fields }));
}

/** Tools as OpenAI writes them: LLaMA-Factory has a list of bare functions, as the text of its JSON. */
function toolsOf(value: unknown): unknown {
  if (value === '') return undefined;
  const tools = typeof value === 'string' ? (jsonOf(value) ?? value) : value;
  if (!Array.isArray(tools)) return tools;
  return tools.map((tool: unknown) =>
    typeof tool === 'object' && tool !== null && 'name' in tool && !('function' in tool)
      ? { type: 'function', function: tool }
      : tool,
  );
}

function jsonOf(text: string): unknown {
  try {
    return parseExactJson(text);
  } catch {
    return undefined;
  }
}
