/**
 * Jinja chat templates through @huggingface/jinja, with the spans of `{% generation %}` recovered.
 *
 * The library drops the generation tags before it parses. Here they become `{% if %}` blocks, which keeps every rule
 * of white space around tags, and marks are put into the parsed body of those blocks.
 */
import { LowrankError } from '#base/errors.js';
import { formatDate, range } from '#data/jinja-globals.js';
import {
  createScope,
  parseTemplate,
  PythonInterpreter,
  visitNodes,
  type Node,
  type Program,
} from '#data/jinja-interpreter.js';
import type { Span } from '#data/tokenizer.js';

/**
 * A chat template that cannot be read (`chat_template_invalid`), that refuses the messages by raise_exception
 * (`chat_template_refused`), or that fails on them (`chat_template_failed`).
 */
export class ChatTemplateError extends LowrankError {
  constructor(
    code: 'chat_template_invalid' | 'chat_template_refused' | 'chat_template_failed',
    /** What the template, or the engine that runs it, said. */
    readonly reason: string,
    cause?: unknown,
  ) {
    super(code, `${PREFACES[code]}: ${reason}`, { cause, details: { reason } });
  }
}

const PREFACES = {
  chat_template_invalid: 'The chat template is not valid Jinja',
  chat_template_refused: 'The chat template refuses these messages',
  chat_template_failed: 'The chat template fails on these messages',
};

/** A piece of text in the tree whose value changes between renderings. */
interface Mark extends Node {
  value: string;
}

const GENERATION_TAG = /\{%(-?)\s*(end)?generation\s*(-?)%\}/g;
const GENERATION_TEST = '__is_generation__';
/** Unicode noncharacters never occur in interchanged text; the second pair serves where a text holds the first. */
const MARK_PAIRS = [
  ['\ufdd0', '\ufdd1'],
  ['\ufdd2', '\ufdd3'],
] as const;

/** A compiled template. Rendering is a pure function of the variables and of the moment it was compiled for. */
export class JinjaTemplate {
  /** Whether the template marks what the model writes with `{% generation %}`. */
  readonly marksGeneration: boolean;
  private readonly program: Program;
  private readonly open: Mark = { type: 'StringLiteral', value: '' };
  private readonly close: Mark = { type: 'StringLiteral', value: '' };

  /** Throws ChatTemplateError `chat_template_invalid`. */
  constructor(
    source: string,
    private readonly now: Date,
  ) {
    let blocks = 0;
    const rewritten = source.replace(
      GENERATION_TAG,
      (_, left: string, end: string | undefined, right: string) => {
        if (!end) blocks++;
        return `{%${left} ${end ? 'endif' : `if ${GENERATION_TEST}`} ${right}%}`;
      },
    );
    this.marksGeneration = blocks > 0;
    try {
      this.program = parseTemplate(rewritten);
    } catch (error) {
      throw new ChatTemplateError('chat_template_invalid', messageOf(error), error);
    }
    visitNodes(this.program.root, ({ type, test, body }) => {
      if (type !== 'If' || (test as Node).value !== GENERATION_TEST) return;
      (body as Node[]).unshift(this.open);
      (body as Node[]).push(this.close);
    });
  }

  /** Renders to text. Throws ChatTemplateError `chat_template_refused` or `chat_template_failed`. */
  render(variables: Readonly<Record<string, unknown>>): string {
    this.open.value = '';
    this.close.value = '';
    return this.run(variables);
  }

  /**
   * Renders to text with the spans between `{% generation %}` and `{% endgeneration %}`, in ascending order.
   * Undefined spans: the template marks nothing, or counts or cuts what stands in a block, so that marks would
   * change the text.
   */
  renderSpans(variables: Readonly<Record<string, unknown>>): { text: string; spans: Span[] | undefined } {
    const text = this.render(variables);
    if (!this.marksGeneration) return { text, spans: undefined };
    const pair = MARK_PAIRS.find((marks) => marks.every((mark) => !text.includes(mark)));
    if (!pair) return { text, spans: undefined };
    [this.open.value, this.close.value] = pair;
    const marked = readMarks(this.run(variables), pair[0], pair[1]);
    return { text, spans: marked?.text === text ? marked.spans : undefined };
  }

  private run(variables: Readonly<Record<string, unknown>>): string {
    const scope = createScope();
    for (const [name, value] of Object.entries({ ...this.globals(), ...variables })) scope.set(name, value);
    try {
      return new PythonInterpreter(this.program, scope).render();
    } catch (error) {
      if (error instanceof ChatTemplateError) throw error;
      throw new ChatTemplateError('chat_template_failed', messageOf(error), error);
    }
  }

  private globals(): Record<string, unknown> {
    return {
      true: true,
      True: true,
      false: false,
      False: false,
      none: null,
      None: null,
      [GENERATION_TEST]: true,
      raise_exception: (reason: unknown) => {
        throw new ChatTemplateError('chat_template_refused', String(reason));
      },
      strftime_now: (format: string) => formatDate(this.now, format),
      range,
    };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Takes the marks out of a rendered text; undefined if they are not in pairs. */
function readMarks(marked: string, open: string, close: string): { text: string; spans: Span[] } | undefined {
  let text = '';
  const spans: Span[] = [];
  for (const [index, part] of marked.split(open).entries()) {
    const pieces = part.split(close);
    if (pieces.length !== (index === 0 ? 1 : 2)) return undefined;
    const [inside, after] = index === 0 ? ['', part] : pieces;
    if (inside) spans.push({ start: text.length, end: text.length + inside.length });
    text += `${inside}${after}`;
  }
  return { text, spans };
}
