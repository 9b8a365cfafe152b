/** A conversation in the form in which a template shows most of it. */
import type { JinjaTemplate } from '#data/jinja.js';
import { type TemplateMessage, withContentAsParts } from '#data/template-messages.js';
import type { Span } from '#data/tokenizer.js';

/** What a template is given beside the messages. */
export type TemplateVariables = Readonly<Record<string, unknown>>;

/** Renders a conversation, parts of it and variations of it, all in the same form. */
export class Conversation {
  constructor(
    private readonly template: JinjaTemplate,
    readonly messages: readonly TemplateMessage[],
    private readonly variables: TemplateVariables,
    /** Whether the template is given what messages say as a text or as a list of parts. Here it is a text. */
    private readonly content: 'text' | 'parts' = 'text',
  ) {}

  /** Whether the template itself marks what the assistant writes. */
  get marksGeneration(): boolean {
    return this.template.marksGeneration;
  }

  /** The tools that the template is given, null for none. */
  get tools(): readonly unknown[] | null {
    return this.variables.tools as readonly unknown[] | null;
  }

  /**
   * Messages as text: those of the conversation unless others are given, and with other variables where they are given.
   * Throws ChatTemplateError if the template refuses them or fails on them.
   */
  render(messages: readonly TemplateMessage[] = this.messages, variables: TemplateVariables = {}): string {
    return this.template.render({ ...this.variables, messages: this.given(messages), ...variables });
  }

  /** As `render`; undefined where the template refuses or fails. It may refuse part of a conversation. */
  tryRender(messages?: readonly TemplateMessage[], variables?: TemplateVariables): string | undefined {
    try {
      return this.render(messages, variables);
    } catch {
      return undefined;
    }
  }

  /** The conversation as text with the spans that the template marks with `{% generation %}`. */
  renderSpans(): { text: string; spans: Span[] | undefined } {
    return this.template.renderSpans({ ...this.variables, messages: this.given(this.messages) });
  }

  private given(messages: readonly TemplateMessage[]): readonly TemplateMessage[] {
    return this.content === 'text' ? messages : messages.map(withContentAsParts);
  }
}
