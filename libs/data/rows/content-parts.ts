/** Content as a list of parts, as chat APIs have it: text parts, and thoughts before them. */
import { describeType, type Report } from '#data/field-report.js';
import { reasoningFields } from '#data/template-messages.js';

export interface JoinedParts {
  readonly text: string;
  /** What the message thinks before it speaks; undefined without such parts. */
  readonly reasoning: string | undefined;
}

type Part = Readonly<Record<string, unknown>>;

/** Parts of other kinds, and what to do with them. */
const otherKinds: readonly (readonly [type: RegExp, code: string, problem: string])[] = [
  [
    /image|audio|video|file|document/,
    'unsupported_content',
    'cannot be learned: the models here read text only. Remove the line.',
  ],
  [/^redacted_thinking$/, 'unsupported_content', 'is encrypted and cannot be learned. Remove the part.'],
  [/^tool_use$/, 'wrong_type', 'is a tool call: write it in "tool_calls" of the message.'],
  [/^tool_result$/, 'wrong_type', 'is the answer of a tool: write it as a message of the role "tool".'],
];

/** Text parts joined, and thoughts joined with an empty line between them; undefined if a problem was reported. */
export function joinParts(
  content: unknown,
  { role, message, field, report }: { role: string; message: Part; field: string; report: Report },
): JoinedParts | undefined {
  if (!Array.isArray(content)) {
    const problem = `"content" must be text or a list of text parts, but is ${describeType(content)}.`;
    report(field, 'wrong_type', problem);
    return undefined;
  }
  const texts: string[] = [];
  const thoughts: string[] = [];
  for (const [index, value] of content.entries()) {
    const refuse = (code: string, problem: string): undefined => {
      report(`${field}[${index}]`, code, problem);
      return undefined;
    };
    const part = (typeof value === 'object' && value !== null ? value : {}) as Part;
    const thought = thoughtIn(part);
    if (part.type === 'text' && typeof part.text === 'string') {
      texts.push(part.text);
    } else if (thought === undefined) {
      return refuse(...describeOther(part, value));
    } else if (role !== 'assistant') {
      return refuse(
        'not_allowed',
        `only assistant messages think, but this one is from ${role}. Remove the part.`,
      );
    } else if (texts.some((text) => text.trim() !== '')) {
      return refuse(
        'unsupported_content',
        'a thought after text cannot be learned: chat templates show all reasoning before the answer. Put it first, or ' +
          'make two messages.',
      );
    } else {
      thoughts.push(thought);
    }
  }
  if (thoughts.length === 0) return { text: texts.join(''), reasoning: undefined };
  const second = reasoningFields.find((name) => typeof message[name] === 'string');
  if (second !== undefined) {
    const problem = `the message has its reasoning in "${second}" and in parts of "content". Keep one of them.`;
    report(field, 'not_allowed', problem);
    return undefined;
  }
  return { text: texts.join(''), reasoning: thoughts.join('\n\n') };
}

/** The text of a part that is a thought, as Anthropic, Mistral and others write it; undefined for other parts. */
function thoughtIn({ type, ...part }: Part): string | undefined {
  if (type !== 'thinking' && type !== 'reasoning') return undefined;
  return [part[type], part.text].find((text) => typeof text === 'string');
}

function describeOther(part: Part, value: unknown): [code: string, problem: string] {
  const type = typeof part.type === 'string' ? JSON.stringify(part.type.slice(0, 40)) : describeType(value);
  const [, code, problem] =
    otherKinds.find(([kind]) => typeof part.type === 'string' && kind.test(part.type)) ?? [];
  if (code !== undefined) return [code, `a part of type ${type} ${problem}`];
  return [
    'wrong_type',
    'a part of content must be {"type": "text", "text": "..."} or, from the assistant, {"type": "thinking", ' +
      `"thinking": "..."}, but is ${type}.`,
  ];
}
