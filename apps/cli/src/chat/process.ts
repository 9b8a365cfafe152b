/** The process that answers one prompt: the command itself never loads the engine. */
import { availableParallelism } from 'node:os';
import { adapterNotes } from '#adapters/adapter.js';
import { flatAdapter } from '#adapters/flat-factors.js';
import { readAdapter } from '#adapters/read-adapter.js';
import { startOn } from '#adapters/base-layers.js';
import { serveCalls } from '#contracts/serve-calls.js';
import { loadChatTemplate } from '#data/chat-template.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import { createGenerator } from '#generation/generator.js';
import { hashFiles, modelFileNames, modelIdentity } from '#hub/model-identity.js';
import { LowrankError } from '#base/errors.js';
import { openModelFolder } from '#models/model-folder.js';
import { type ChatAnswer, chatMethods, type ChatTask } from './calls.js';

const maxThreads = 8;

async function answer(
  task: ChatTask,
  { signal, update }: { signal: AbortSignal; update: (text: string) => void },
): Promise<ChatAnswer> {
  const base = await openModelFolder(task.base, { tokenizer: 'required' });
  if (task.baseIdentity !== null) await requireIdentity(task.base, task.baseIdentity);
  const tokenizer = await loadTokenizer(task.base);
  const template = await loadChatTemplate(task.base, tokenizer);
  const weights = startOn(base);
  const adapter =
    task.adapter === null ? undefined : await readAdapter(task.adapter, { model: base.tree, weights });
  const generator = createGenerator({
    model: base,
    tokenizer,
    template,
    adapter: adapter && flatAdapter(adapter),
    runner: {
      kind: 'compiled',
      device: 'cpu',
      threads: Math.min(availableParallelism(), maxThreads),
      spin: true,
      cacheFolder: task.cache,
    },
  });
  try {
    const { text, tokens, finishReason, promptTokens } = await generator.complete(task.prompt, {
      maxTokens: task.maxTokens,
      temperature: task.temperature,
      seed: task.seed,
      signal,
      onToken: ({ text }) => update(text),
    });
    return {
      text,
      finish_reason: finishReason,
      prompt_tokens: promptTokens,
      completion_tokens: tokens.length,
      notes: adapter ? adapterNotes(adapter) : [],
    };
  } finally {
    await generator.close();
  }
}

async function requireIdentity(folder: string, identity: string): Promise<void> {
  const found = modelIdentity(await hashFiles(folder, await modelFileNames(folder)));
  if (found === identity) return;
  throw new LowrankError(
    'base_changed',
    `the adapter was trained on ${identity}, but ${folder} is ${found}: name the right folder with --base`,
  );
}

serveCalls(chatMethods, { answer });
