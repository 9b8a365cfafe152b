/** Chat templates as a model's folder holds them. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { LowrankError } from '#base/errors.js';

/** The sources of a chat template by name: `default`, and `tool_use` where a model has one of its own for tools. */
export type TemplateSources = Readonly<Record<string, string>>;

const namedTemplates = z.array(z.object({ name: z.string(), template: z.string() }));
const configFile = z.looseObject({ chat_template: z.union([z.string(), namedTemplates]).nullish() });

/**
 * The templates of a model's folder: chat_template.jinja (with additional_chat_templates/*.jinja), or `chat_template`
 * of tokenizer_config.json or chat_template.json; undefined without any of them.
 * Throws LowrankError `chat_template_unreadable`.
 */
export async function readTemplateSources(folder: string): Promise<TemplateSources | undefined> {
  return (await readJinjaFiles(folder)) ?? (await readConfigFiles(folder));
}

/** Whether a model's folder has a chat template of its own. Throws LowrankError `chat_template_unreadable`. */
export async function hasChatTemplate(folder: string): Promise<boolean> {
  return (await readTemplateSources(folder)) !== undefined;
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
