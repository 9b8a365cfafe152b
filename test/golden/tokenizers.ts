/** Golden runner for tokenizers and chat templates: everything in a case's case.json, compared exactly. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { encodeChat } from '#data/chat.js';
import { loadChatTemplate, type ChatTemplate } from '#data/chat-template.js';
import { ChatTemplateError } from '#data/jinja.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import type { Tokenizer } from '#data/tokenizer.js';

const ids = z.array(z.number());
const messages = z.array(z.looseObject({ role: z.string(), content: z.string() }));
const textCase = z.object({ text: z.string(), ids, ids_without_special: ids, decoded: z.string() });
const chatCase = z.object({
  messages,
  text: z.string(),
  prompt: z.string(),
  ids,
  assistant_mask: ids.optional(),
});
const refusedCase = z.object({ messages, error: z.string() });
const caseFile = z.object({ texts: z.array(textCase), chats: z.array(z.union([refusedCase, chatCase])) });

/**
 * Runs one case folder (tokenizer.json, tokenizer_config.json, case.json).
 * Throws an Error that names the first difference; UnsupportedError of a tokenizer that is not done passes through.
 */
export async function runTokenizerCase(folder: string): Promise<{ largestError: number }> {
  const tokenizer = await loadTokenizer(folder);
  const template = await loadChatTemplate(folder, tokenizer);
  const expected = caseFile.parse(JSON.parse(await readFile(join(folder, 'case.json'), 'utf8')));
  const name = basename(folder);

  for (const { text, ...golden } of expected.texts) {
    const found = {
      ids: tokenizer.encode(text),
      ids_without_special: tokenizer.encode(text, { addSpecialTokens: false }),
      decoded: tokenizer.decode(golden.ids, { skipSpecialTokens: true }),
    };
    compare(`${name}, text ${JSON.stringify(text)}`, found, golden);
  }
  for (const [index, golden] of expected.chats.entries()) {
    const where = `${name}, chat ${index}`;
    if ('error' in golden) {
      compare(where, { error: refusalOf(template, golden.messages) }, { error: golden.error });
    } else {
      compareChat(where, golden, tokenizer, template);
    }
  }
  return { largestError: 0 };
}

function compareChat(
  where: string,
  golden: z.infer<typeof chatCase>,
  tokenizer: Tokenizer,
  template: ChatTemplate,
): void {
  const encoded = encodeChat(golden.messages, tokenizer, template);
  const found = {
    text: template.render(golden.messages),
    prompt: template.render(golden.messages.slice(0, -1), { addGenerationPrompt: true }),
    ids: encoded.ids,
    // Cases without a mask have a template that marks nothing: there is no reference for what is derived then.
    ...(golden.assistant_mask ? { assistant_mask: [...encoded.trained] } : {}),
  };
  const { messages: _, ...rest } = golden;
  compare(where, found, rest);
}

function refusalOf(template: ChatTemplate, chat: z.infer<typeof messages>): string {
  try {
    return `rendered ${JSON.stringify(template.render(chat))}`;
  } catch (error) {
    if (error instanceof ChatTemplateError && error.code === 'chat_template_refused') return error.reason;
    throw error;
  }
}

function compare(where: string, found: Record<string, unknown>, golden: Record<string, unknown>): void {
  for (const [field, value] of Object.entries(golden)) {
    if (isDeepStrictEqual(found[field], value)) continue;
    throw new Error(
      `${where}: ${field} differs\n  found    ${JSON.stringify(found[field])}\n  expected ${JSON.stringify(value)}`,
    );
  }
}
