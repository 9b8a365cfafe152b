/** Jinja chat templates as transformers runs them, with the spans of `{% generation %}`. */
import { LowrankError } from '#base/errors.js';
import { compileBlock } from '#data/jinja/compile.js';
import { createGlobals, TemplateRefusal } from '#data/jinja/globals.js';
import { parseTemplate } from '#data/jinja/parser.js';
import { Output, Run, Scope } from '#data/jinja/runtime.js';
import { someNode } from '#data/jinja/syntax-walk.js';
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

/** Unicode noncharacters never occur in interchanged text; the second pair serves where a text holds the first. */
const markPairs = [
  ['\ufdd0', '\ufdd1'],
  ['\ufdd2', '\ufdd3'],
] as const;

/** A compiled template. Rendering is a pure function of the variables and of the moment it was compiled for. */
export class JinjaTemplate {
  /** Whether the template marks what the model writes with `{% generation %}`. */
  readonly marksGeneration: boolean;
  private readonly execute: ReturnType<typeof compileBlock>;
  private readonly globals: ReadonlyMap<string, unknown>;

  /** Throws ChatTemplateError `chat_template_invalid`. */
  constructor(source: string, now: Date) {
    try {
      const block = parseTemplate(source);
      this.marksGeneration = someNode(block, ({ kind }) => kind === 'generation');
      this.execute = compileBlock(block);
    } catch (error) {
      throw new ChatTemplateError('chat_template_invalid', messageOf(error), error);
    }
    this.globals = createGlobals(now);
  }

  /** Renders to text. Throws ChatTemplateError `chat_template_refused` or `chat_template_failed`. */
  render(variables: Readonly<Record<string, unknown>>): string {
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
    const pair = markPairs.find((marks) => marks.every((mark) => !text.includes(mark)));
    if (!pair) return { text, spans: undefined };
    const marked = readMarks(this.run(variables, pair), pair[0], pair[1]);
    return { text, spans: marked?.text === text ? marked.spans : undefined };
  }

  private run(variables: Readonly<Record<string, unknown>>, marks?: readonly [string, string]): string {
    const scope = new Scope(new Run(this.globals, marks));
    for (const [name, value] of Object.entries(variables)) scope.set(name, value);
    const output = new Output();
    try {
      this.execute(scope.inner(), output);
    } catch (error) {
      if (error instanceof TemplateRefusal)
        throw new ChatTemplateError('chat_template_refused', error.message, error);
      throw new ChatTemplateError('chat_template_failed', messageOf(error), error);
    }
    return output.text;
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
