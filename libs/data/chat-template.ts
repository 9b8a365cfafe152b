/** Chat templates: a conversation as the text that a model was taught to read. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { LowrankError } from '#base/errors.js';
import { ChatTemplateError, JinjaTemplate } from '#data/jinja.js';
import type { Span, Tokenizer } from '#data/tokenizer.js';

/** A message as a template sees it; fields beyond these go to the template as they are. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  readonly tool_calls?: readonly unknown[];
  readonly [field: string]: unknown;
}

export interface RenderOptions {
  /** End with the opening of an assistant turn, for the model to go on from. */
  readonly addGenerationPrompt?: boolean;
  /** Tools as OpenAI writes them, for templates that know tools. */
  readonly tools?: readonly unknown[];
}

/** The sources of a chat template by name: `default`, and `tool_use` where a model has one of its own for tools. */
export type TemplateSources = Readonly<Record<string, string>>;

export class ChatTemplate {
  /** True for the plain template that stands in where a model has none. */
  readonly isDefault: boolean;
  /** SHA-256 over everything beside the messages that determines the text, in hexadecimal. */
  readonly digest: string;
  private readonly templates = new Map<string, JinjaTemplate>();
  private readonly knowsDeveloper: boolean;

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
    const moment = all.includes('strftime_now') ? now.toISOString().slice(0, 10) : '';
    this.digest = createHash('sha256')
      .update(JSON.stringify([sources, variables, moment]))
      .digest('hex');
  }

  /** The conversation as text. Throws ChatTemplateError if the template refuses it or fails on it. */
  render(messages: readonly ChatMessage[], options: RenderOptions = {}): string {
    return this.attempt(messages, options, (template, inputs) => template.render(inputs));
  }

  /** Whether the template itself marks what the assistant writes. */
  marksGeneration(options: RenderOptions = {}): boolean {
    return this.select(options).marksGeneration;
  }

  /** The conversation as text with the spans that the template marks with `{% generation %}`. */
  renderSpans(
    messages: readonly ChatMessage[],
    options: RenderOptions = {},
  ): { text: string; spans: Span[] | undefined } {
    return this.attempt(messages, options, (template, inputs) => template.renderSpans(inputs));
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

  /**
   * Templates want the arguments of a tool call as an object, which they print themselves. A few (DeepSeek's) join
   * them to text as they are, so what fails with objects is tried with JSON text.
   */
  private attempt<T>(
    messages: readonly ChatMessage[],
    options: RenderOptions,
    run: (template: JinjaTemplate, inputs: Record<string, unknown>) => T,
  ): T {
    const template = this.select(options);
    try {
      return run(template, this.inputs(messages, options, parseArguments));
    } catch (error) {
      const hasFailed = error instanceof ChatTemplateError && error.code === 'chat_template_failed';
      if (!hasFailed || !messages.some((message) => message.tool_calls)) throw error;
      try {
        return run(template, this.inputs(messages, options, printArguments));
      } catch {
        throw error;
      }
    }
  }

  private inputs(
    messages: readonly ChatMessage[],
    options: RenderOptions,
    adaptCall: (call: unknown) => unknown,
  ): Record<string, unknown> {
    return {
      ...this.variables,
      messages: messages.map((message) => ({
        ...message,
        role: message.role === 'developer' && !this.knowsDeveloper ? 'system' : message.role,
        ...(message.tool_calls ? { tool_calls: message.tool_calls.map(adaptCall) } : {}),
      })),
      tools: options.tools ?? null,
      documents: null,
      add_generation_prompt: options.addGenerationPrompt ?? false,
    };
  }
}

function parseArguments(call: unknown): unknown {
  return withArguments(call, (value) => {
    try {
      return typeof value === 'string' ? (JSON.parse(value) as unknown) : value;
    } catch {
      return value;
    }
  });
}

function printArguments(call: unknown): unknown {
  return withArguments(call, (value) => (typeof value === 'string' ? value : JSON.stringify(value)));
}

/** The order of fields is kept: templates print calls as they are. */
function withArguments(call: unknown, change: (value: unknown) => unknown): unknown {
  const called = (call as { readonly function?: unknown } | null)?.function;
  if (typeof called !== 'object' || called === null || !('arguments' in called)) return call;
  return { ...(call as object), function: { ...called, arguments: change(called.arguments) } };
}

const namedTemplates = z.array(z.object({ name: z.string(), template: z.string() }));
const configFile = z.looseObject({ chat_template: z.union([z.string(), namedTemplates]).nullish() });

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
  const sources = await readSources(folder);
  if (sources) return new ChatTemplate(sources, tokenizer.templateVariables, { now });
  return createDefaultTemplate(tokenizer);
}

/** Whether a model's folder has a chat template of its own. Throws LowrankError `chat_template_unreadable`. */
export async function hasChatTemplate(folder: string): Promise<boolean> {
  return (await readSources(folder)) !== undefined;
}

async function readSources(folder: string): Promise<TemplateSources | undefined> {
  return (await readJinjaFiles(folder)) ?? (await readConfigFiles(folder));
}

async function readJinjaFiles(folder: string): Promise<TemplateSources | undefined> {
  const source = await readOptional(join(folder, 'chat_template.jinja'));
  if (source === undefined) return undefined;
  const sources: Record<string, string> = { default: source };
  const more = join(folder, 'additional_chat_templates');
  const names = await readdir(more).catch(() => []);
  for (const name of names.filter((file) => file.endsWith('.jinja'))) {
    sources[name.slice(0, -'.jinja'.length)] = await readFile(join(more, name), 'utf8');
  }
  return sources;
}

async function readConfigFiles(folder: string): Promise<TemplateSources | undefined> {
  for (const name of ['tokenizer_config.json', 'chat_template.json']) {
    const text = await readOptional(join(folder, name));
    if (text === undefined) continue;
    let template: z.infer<typeof configFile>['chat_template'];
    try {
      template = configFile.parse(JSON.parse(text)).chat_template;
    } catch (error) {
      throw new LowrankError(
        'chat_template_unreadable',
        `The chat_template of ${name} is neither text nor a list of {name, template}. Download the file again.`,
        { cause: error, details: { folder, file: name } },
      );
    }
    if (typeof template === 'string') return { default: template };
    if (template) return Object.fromEntries(template.map((entry) => [entry.name, entry.template]));
  }
  return undefined;
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
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
