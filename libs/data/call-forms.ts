/** How models write calls of tools, told by their chat templates. A new form is an entry of the list. */

/** A call as OpenAI's clients get it: arguments are the text of a JSON object. */
export interface ToolCall {
  readonly name: string;
  readonly arguments: string;
}

/** An answer taken apart: what is said beside the calls. */
export interface CallingAnswer {
  readonly content: string;
  readonly calls: readonly ToolCall[];
}

export interface CallForm {
  /** What stands around one call that is the whole answer, and the name of its arguments: for answers that must be one. */
  readonly before: string;
  readonly argumentsKey: 'arguments' | 'parameters';
  readonly after: string;
  /** Takes an answer apart; undefined if no call is in it. */
  readonly read: (text: string) => CallingAnswer | undefined;
}

interface KnownForm extends CallForm {
  /** Whether a template writes calls like this. */
  readonly isIn: (source: string) => boolean;
}

const knownForms: readonly KnownForm[] = [
  {
    // Mistral; its mark is a special token, which texts of answers leave out.
    isIn: (source) => source.includes('[TOOL_CALLS]'),
    before: '[',
    argumentsKey: 'arguments',
    after: ']',
    read: (text) => {
      const [content = '', rest] = text.includes('[TOOL_CALLS]') ? text.split('[TOOL_CALLS]', 2) : ['', text];
      return ofList(content, readJson(rest!));
    },
  },
  {
    // Hermes, Qwen, SmolLM3, Granite 4.
    isIn: (source) =>
      source.includes('<tool_call>') && source.includes('arguments') && !source.includes('<function='),
    before: '<tool_call>\n',
    argumentsKey: 'arguments',
    after: '\n</tool_call>',
    read: (text) => {
      const pieces = [...text.matchAll(/<tool_call>\s*([\s\S]*?)\s*(?:<\/tool_call>|$)/g)];
      const content = text.slice(0, pieces[0]?.index ?? 0);
      return ofList(
        content,
        pieces.map(([, json]) => readJson(json!)),
      );
    },
  },
  {
    // Llama 3.1 and later: the whole answer is one call.
    isIn: (source) => source.includes('"parameters"') && /ipython|python_tag/.test(source),
    before: '',
    argumentsKey: 'parameters',
    after: '',
    read: (text) => ofList('', [readJson(text.replace(/^\s*<\|python_tag\|>/, ''))]),
  },
];

/** The form of a template's source; undefined where it is not known. */
export function callFormOf(source: string): CallForm | undefined {
  return knownForms.find(({ isIn }) => isIn(source));
}

function ofList(content: string, list: unknown): CallingAnswer | undefined {
  const calls = (Array.isArray(list) ? list : [list]).map(callOf);
  if (calls.length === 0 || !calls.every((call) => call !== undefined)) return undefined;
  return { content: content.trim(), calls };
}

function callOf(value: unknown): ToolCall | undefined {
  const { name, arguments: written, parameters } = (value ?? {}) as Record<string, unknown>;
  const given = written ?? parameters ?? {};
  if (typeof name !== 'string' || (typeof given !== 'object' && typeof given !== 'string')) return undefined;
  return { name, arguments: typeof given === 'string' ? given : JSON.stringify(given) };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
