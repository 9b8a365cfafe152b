/** Chat templates: a conversation as the text that a model was taught to read. */
import { createHash } from 'node:crypto';
import { LowrankError } from '#base/errors.js';
import { type CallForm, callFormOf } from '#data/call-forms.js';
import { Conversation } from '#data/conversation.js';
import { ChatTemplateError, JinjaTemplate } from '#data/jinja.js';
import { type ChatMessage, formMessage, type MessageForm, messageForms } from '#data/template-messages.js';
import { readTemplateSources, type TemplateSources } from '#data/template-sources.js';
import { showsCalls, showsContents } from '#data/probes.js';
import type { Tokenizer } from '#data/tokenizer.js';

export interface RenderOptions {
  /** End with the opening of an assistant turn, for the model to go on from. */
  readonly addGenerationPrompt?: boolean;
  /** Tools as OpenAI writes them, for templates that know tools. */
  readonly tools?: readonly unknown[] | null;
  /** Texts with a title each, for templates that answer from documents. */
  readonly documents?: readonly unknown[] | null;
}

export class ChatTemplate {
  /** True for the plain template that stands in where a model has none. */
  readonly isDefault: boolean;
  /** SHA-256 over everything beside the messages that determines the text, in hexadecimal. */
  readonly digest: string;
  /** How the model writes calls of tools; undefined where that is not known. */
  readonly callForm: CallForm | undefined;
  private readonly templates = new Map<string, JinjaTemplate>();
  private readonly knowsDeveloper: boolean;
  private readonly knowsParts: boolean;

  /**
   * `variables` are the special tokens (`bos_token`, ...) and `now` is what `strftime_now` tells the time by.
   * Throws ChatTemplateError `chat_template_invalid` for a template that does not parse.
   */
  constructor(
    private readonly sources: TemplateSources,
    private readonly variables: Readonly<Record<string, unknown>>,
    { now, isDefault = false }: { now: Date; isDefault?: boolean },
  ) {
    this.isDefault = isDefault;
    for (const [name, source] of Object.entries(sources)) {
      this.templates.set(name, new JinjaTemplate(source, now));
    }
    const all = Object.values(sources).join('\n');
    this.knowsDeveloper = all.includes('developer');
    this.callForm = isDefault ? undefined : callFormOf(all);
    this.knowsParts = /\btext\b/.test(all);
    const moment = all.includes('strftime_now') ? now.toISOString().slice(0, 10) : '';
    this.digest = createHash('sha256')
      .update(JSON.stringify([sources, variables, moment]))
      .digest('hex');
  }

  /** The conversation as text. Throws ChatTemplateError if the template refuses it or fails on it. */
  render(messages: readonly ChatMessage[], options: RenderOptions = {}): string {
    return this.attempt(messages, options).text;
  }

  /**
   * The conversation in the form that this template reads: of what chat APIs write in several ways (arguments as text
   * or object, content as text or parts, content that is empty beside tool calls), the first in which it shows the tool
   * calls and what is said.
   * Throws ChatTemplateError if the template refuses it or fails on it in every form.
   */
  open(messages: readonly ChatMessage[], options: RenderOptions = {}): Conversation {
    return this.attempt(messages, options).conversation;
  }

  private attempt(
    messages: readonly ChatMessage[],
    options: RenderOptions,
  ): { conversation: Conversation; text: string } {
    const template = this.select(options);
    const hasCalls = messages.some(({ tool_calls: calls }) => calls && calls.length > 0);
    const hasDeveloper = messages.some(({ role }) => role === 'developer') && this.knowsDeveloper;
    let first: { conversation: Conversation; text: string } | undefined;
    let calling: typeof first;
    let failure: unknown;
    for (const form of messageForms({ calls: hasCalls, developer: hasDeveloper })) {
      if (form.content === 'parts' ? !this.knowsParts : calling) continue;
      const conversation = this.form(template, messages, options, form);
      try {
        const attempt = { conversation, text: conversation.render() };
        first ??= attempt;
        if (hasCalls && !showsCalls(conversation)) continue;
        if (showsContents(messages, attempt.text)) return attempt;
        calling ??= attempt;
      } catch (error) {
        if (!(error instanceof ChatTemplateError)) throw error;
        failure ??= error;
      }
    }
    const attempt = calling ?? first;
    if (attempt) return attempt;
    throw failure;
  }

  private form(
    template: JinjaTemplate,
    messages: readonly ChatMessage[],
    { tools, documents, addGenerationPrompt = false }: RenderOptions,
    form: MessageForm,
  ): Conversation {
    const variables = {
      ...this.variables,
      tools: tools ?? null,
      documents: documents ?? null,
      add_generation_prompt: addGenerationPrompt,
    };
    const formed = messages.map((message) => formMessage(message, form));
    return new Conversation(template, formed, variables, form.content);
  }

  private select({ tools }: RenderOptions): JinjaTemplate {
    const template = (tools ? this.templates.get('tool_use') : undefined) ?? this.templates.get('default');
    if (template) return template;
    throw new LowrankError(
      'chat_template_missing',
      `The model has chat templates named ${Object.keys(this.sources).join(', ')} but none named default: ` +
        `name one of them "default" in its tokenizer_config.json.`,
    );
  }
}

/**
 * Loads the chat template of a model's folder: chat_template.jinja (with additional_chat_templates/*.jinja), or
 * `chat_template` of tokenizer_config.json or chat_template.json. Without any of them, the default template.
 * `now` is the time that templates see; give the same one for the same bytes, tomorrow too.
 * Throws ChatTemplateError `chat_template_invalid` and LowrankError `chat_template_unreadable`.
 */
export async function loadChatTemplate(
  folder: string,
  tokenizer: Tokenizer,
  { now = new Date() }: { now?: Date } = {},
): Promise<ChatTemplate> {
  const sources = await readTemplateSources(folder);
  if (sources) return new ChatTemplate(sources, tokenizer.templateVariables, { now });
  return createDefaultTemplate(tokenizer);
}

/**
 * The template for models that have none. It needs no token but the end of text, so any vocabulary can say it:
 *
 *     ### User:
 *     What is a license?
 *
 *     ### Assistant:
 *     A permission.</s>
 *
 * with an empty line between turns, the beginning-of-text token in front if the tokenizer puts one there, and the
 * assistant's text with the end-of-text token marked as what the model writes. Roles are System (system and
 * developer), User, Assistant and Tool. Tools and tool calls are refused: there is no wording that a model knows.
 */
export function createDefaultTemplate(tokenizer: Tokenizer): ChatTemplate {
  const variables = {
    start_text: tokenizer.decode(tokenizer.prefix),
    end_text: tokenizer.special.eos?.text ?? '',
  };
  return new ChatTemplate({ default: DEFAULT_SOURCE }, variables, { now: new Date(0), isDefault: true });
}

const DEFAULT_SOURCE = `{{ start_text }}
{%- set titles = {'system': 'System', 'developer': 'System', 'user': 'User', 'assistant': 'Assistant', 'tool': 'Tool'} %}
{%- if tools %}{{ raise_exception('this model has no chat template, so there is no way to show it tools') }}{% endif %}
{%- for message in messages %}
{%- if message.tool_calls %}{{ raise_exception('this model has no chat template, so there is no way to show it tool calls') }}{% endif %}
{{- '### ' + titles[message.role] + ':\\n' }}
{%- if message.role == 'assistant' %}{% generation %}{{ message.content + end_text }}{% endgeneration %}
{%- else %}{{ message.content }}{% endif %}
{{- '\\n\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '### Assistant:\\n' }}{% endif %}`;
