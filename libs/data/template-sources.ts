/** Chat templates as a model's folder holds them. */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as z from 'zod';
import { LowrankError } from '#base/errors.js';
import { readModelFile } from '#gguf/model-files.js';
import { fileProblem } from '#base/file-problem.js';
import { gitLfsPointer, isGitLfsPointer } from '#base/git-lfs.js';
import { jsonFileProblem } from '#base/json-problem.js';

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
  const source = await readOptional(folder, 'chat_template.jinja');
  if (source === undefined) return undefined;
  const sources: Record<string, string> = { default: source };
  const more = join(folder, 'additional_chat_templates');
  const names = await readdir(more).catch(() => []);
  for (const name of names.filter((file) => file.endsWith('.jinja'))) {
    const file = join('additional_chat_templates', name);
    sources[name.slice(0, -'.jinja'.length)] = (await readOptional(folder, file)) ?? '';
  }
  return sources;
}

async function readConfigFiles(folder: string): Promise<TemplateSources | undefined> {
  for (const name of ['tokenizer_config.json', 'chat_template.json']) {
    const text = await readOptional(folder, name);
    if (text === undefined) continue;
    let template: z.infer<typeof configFile>['chat_template'];
    try {
      template = configFile.parse(JSON.parse(text)).chat_template;
    } catch (error) {
      const problem =
        error instanceof z.ZodError
          ? 'has a chat_template that is neither text nor a list of {name, template}. Download the file again.'
          : jsonFileProblem(error, Buffer.from(text));
      throw unreadable(folder, name, problem, error);
    }
    if (typeof template === 'string') return { default: template };
    if (template) return Object.fromEntries(template.map((entry) => [entry.name, entry.template]));
  }
  return undefined;
}

/** The text of a file, undefined if there is none. A pointer in its place would be a template that says the same to everything. */
async function readOptional(folder: string, name: string): Promise<string | undefined> {
  let content: Buffer;
  try {
    content = await readModelFile(folder, name);
  } catch (error) {
    if (error instanceof LowrankError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unreadable(folder, name, fileProblem(error), error);
  }
  if (isGitLfsPointer(content)) throw unreadable(folder, name, gitLfsPointer);
  return content.toString('utf8');
}

function unreadable(folder: string, name: string, problem: string, cause?: unknown): LowrankError {
  return new LowrankError('chat_template_unreadable', `${name} of ${basename(folder)} ${problem}`, {
    cause,
    details: { folder, file: name },
  });
}
